using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class DatasetProfileTests
{
    private static TextDataset Data(params (string Text, int Label)[] rows) =>
        new(
            [.. rows.Select((row, i) => new Example(row.Text, null, row.Label, float.NaN, i + 1))], LabelKind.Class,
            new LabelMap(["no", "yes"]), "memory");

    [Fact]
    public void Labels_Lengths_And_Faults_Are_Counted()
    {
        var profile = DatasetProfile.Of(Data(("one two three", 0), ("four", 1), ("  ", 1), ("four", 1), (" four ", 0), ("five  six", 0)));
        Assert.Equal([3, 3], profile.LabelCounts!);
        Assert.Equal((1, 2, 1), (profile.Empty, profile.Duplicates, profile.Contradictions));
        Assert.Equal(["words", "characters"], profile.Lengths.Select(l => l.Unit));
        Assert.Equal((0, 3), (profile.Lengths[0].Min, profile.Lengths[0].Max));
        Assert.Equal(8.0 / 6, profile.Lengths[0].Mean, 9);
        Assert.Equal((2, 13), (profile.Lengths[1].Min, profile.Lengths[1].Max));
    }

    [Fact]
    public void Held_Out_Rows_That_Training_Has_Are_Found()
    {
        var (train, held) = (DatasetProfile.Of(Data(("a", 0), ("b", 1))), DatasetProfile.Of(Data(("c", 0), ("b ", 0), ("d", 1), ("a", 0))));
        Assert.Equal([1, 3], held.RowsAlsoIn(train));
    }

    [Fact]
    public void A_Pair_Is_No_Single_Text_And_Tokens_Are_Told_Apart()
    {
        Example[] rows =
        [
            new("ab", "c", -1, 0.5f, 1), new("a", "bc", -1, 1, 2), new("abc", null, -1, 3, 3), new("", null, -1, 1, 4, [1, 2]),
            new("", null, -1, 1, 5, [1, 2, 3]), new("", null, -1, 1, 6, [1, 2]),
        ];
        var profile = DatasetProfile.Of(new TextDataset(rows, LabelKind.Regression, null, "memory"));
        Assert.Equal((1, 0), (profile.Duplicates, profile.Empty));
        Assert.Equal((0.5, 7.5 / 6, 3), (profile.Targets!.Value.Min, profile.Targets.Value.Mean, profile.Targets.Value.Max));
    }

    [Fact]
    public void Percentiles_And_Bins_Count_Every_Row()
    {
        var lengths = new LengthProfile("words", [.. Enumerable.Range(1, 99), 1000]);
        Assert.Equal([1, 50, 90, 99, 1000], new double[] { 0, 50, 90, 99, 100 }.Select(lengths.Percentile));
        Assert.Equal((0, 1, 37), (lengths.Above(1000), lengths.Above(99), lengths.Above(63)));
        foreach (var bins in new[] { 1, 7, 12, 500 })
        {
            var histogram = lengths.Histogram(bins);
            Assert.InRange(histogram.Count, 1, bins);
            Assert.Equal(100, histogram.Sum(bin => bin.Rows));
            Assert.Equal((1, 1000), (histogram[0].From, histogram[^1].To));
            Assert.Equal(histogram.Skip(1).Select(bin => bin.From), histogram.SkipLast(1).Select(bin => bin.To + 1));
        }
        Assert.Equal([(7, 7, 3)], new LengthProfile("words", [7, 7, 7]).Histogram());
    }
}
