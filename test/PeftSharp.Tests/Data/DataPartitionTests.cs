using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class DataPartitionTests
{
    private static readonly double[] Shares = [0.8, 0.1, 0.1];

    // 1,000 rows: 700 of class 0, 250 of class 1, 50 of class 2.
    private static Example[] Rows =>
        [.. Enumerable.Range(0, 1000).Select(i => new Example($"row {i}", null, i < 700 ? 0 : i < 950 ? 1 : 2, i, i + 1))];

    private static TextDataset Classes(IEnumerable<Example> rows) =>
        new([.. rows], LabelKind.Class, new LabelMap(["a", "b", "c"]), "memory");

    private static string[] Texts(TextDataset data) => [.. data.Examples.Select(e => e.Text)];

    private static int[] Counts(TextDataset data) =>
        [.. Enumerable.Range(0, 3).Select(label => data.Examples.Count(e => e.Label == label))];

    [Fact]
    public void Parts_Are_Disjoint_Whole_And_Alike_In_Their_Labels()
    {
        var parts = DataPartition.Split(Classes(Rows), Shares, 42);
        Assert.Equal(Texts(Classes(Rows)).Order(), parts.SelectMany(Texts).Order());
        Assert.Equal([800, 100, 100], parts.Select(p => p.Count));
        int[][] expected = [[560, 200, 40], [70, 25, 5], [70, 25, 5]];
        for (var p = 0; p < 3; p++)
            for (var label = 0; label < 3; label++) Assert.InRange(Counts(parts[p])[label], expected[p][label] - 1, expected[p][label] + 1);
        Assert.All(parts, part => Assert.Equal(part.Examples.Select(e => e.Line).Order(), part.Examples.Select(e => e.Line)));
    }

    [Fact]
    public void The_Order_Of_Rows_Changes_Nothing_And_The_Seed_Does()
    {
        var shuffled = Rows;
        new SeededRandom(9).Shuffle<Example>(shuffled);
        var parts = DataPartition.Split(Classes(Rows), Shares, 42);
        var again = DataPartition.Split(Classes(shuffled), Shares, 42);
        for (var p = 0; p < 3; p++) Assert.Equal(Texts(parts[p]).Order(), Texts(again[p]).Order());
        var other = DataPartition.Split(Classes(Rows), Shares, 43);
        Assert.InRange(Texts(parts[1]).Intersect(Texts(other[1])).Count(), 0, 30); // 10 are expected of 100
        Assert.Equal(
            Texts(DataPartition.Sample(Classes(Rows), 60, 1)).Order(), Texts(DataPartition.Sample(Classes(shuffled), 60, 1)).Order());
    }

    [Fact]
    public void Rows_That_Say_The_Same_Stay_Together()
    {
        var rows = Enumerable.Range(0, 600).Select(i => new Example($" row {i % 200}{(i % 2 == 0 ? " " : "")}", null, i % 3, 0, i + 1));
        var parts = DataPartition.Split(Classes(rows), Shares, 7);
        var texts = parts.Select(part => part.Examples.Select(e => e.Text.Trim()).ToHashSet()).ToList();
        Assert.Equal(200, texts.Sum(t => t.Count));
        Assert.False(texts[0].Overlaps(texts[1]) || texts[0].Overlaps(texts[2]) || texts[1].Overlaps(texts[2]));
        Assert.Equal([480, 60, 60], parts.Select(p => p.Count));
    }

    [Fact]
    public void Every_Row_Is_As_Likely_To_Be_Held_Out()
    {
        // 300 seeds, 100 rows, a tenth held out: each row 30 times, with a standard deviation of 5.2.
        var rows = Rows.Take(100).ToList();
        var held = new int[100];
        for (ulong seed = 0; seed < 300; seed++)
            foreach (var row in DataPartition.Split(Classes(rows), [0.9, 0.1], seed)[1].Examples) held[row.Line - 1]++;
        Assert.All(held, count => Assert.InRange(count, 8, 56));
        Assert.InRange(held.Sum(count => (count - 30.0) * (count - 30.0)) / 100, 12, 50);
    }

    [Fact]
    public void Numbers_Are_Cut_By_Tenths_And_Unlabelled_Rows_Anyhow()
    {
        var numbers = new TextDataset(Rows, LabelKind.Regression, null, "memory");
        var held = DataPartition.Split(numbers, [0.9, 0.1], 3)[1];
        for (var tenth = 0; tenth < 10; tenth++) Assert.InRange(held.Examples.Count(e => (int)e.Target / 100 == tenth), 9, 11);
        Assert.Equal(
            [500, 250], DataPartition.Split(new TextDataset(Rows, LabelKind.None, null, "memory"), [0.5, 0.25], 3).Select(p => p.Count));
    }

    [Fact]
    public void Impossible_Shares_Are_Refused()
    {
        foreach (var shares in new double[][] { [], [0.9, 0.2], [0.5, 0], [double.NaN, 0.5] })
            Assert.Throws<PeftException>(() => DataPartition.Split(Classes(Rows), shares, 1));
        Assert.Contains(
            "has 4 rows, too few", Assert.Throws<PeftException>(() => DataPartition.Split(Classes(Rows.Take(4)), Shares, 1)).Message);
    }

    [Theory]
    [InlineData(100, 70, 25, 5)]
    [InlineData(10, 7, 2, 1)]
    [InlineData(3, 1, 1, 1)]
    [InlineData(999, 699, 250, 50)]
    public void Samples_Keep_The_Shares_Of_Labels(int count, int a, int b, int c)
    {
        var sample = DataPartition.Sample(Classes(Rows), count, 5);
        Assert.Equal(count, sample.Count);
        foreach (var (found, expected) in Counts(sample).Zip([a, b, c])) Assert.InRange(found, expected - 1, expected + 1);
        Assert.All(Counts(sample), found => Assert.InRange(found, 1, 700));
        Assert.Equal(sample.Examples.Select(e => e.Line).Order().Distinct(), sample.Examples.Select(e => e.Line));
    }

    [Fact]
    public void A_Sample_Of_All_Is_All() => Assert.Equal(1000, DataPartition.Sample(Classes(Rows), 5000, 1).Count);
}
