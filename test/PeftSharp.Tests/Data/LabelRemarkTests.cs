using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>What is odd about labels is said.</summary>
public sealed class LabelRemarkTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private TextDataset Load(string[] labels, DataOptions? options = null) =>
        _folder.Load("a.tsv", "text\tlabel\n" + string.Concat(labels.Select((label, i) => $"row {i}\t{label}\n")), options);

    [Theory]
    [InlineData("NA")]
    [InlineData("-1")]
    [InlineData("nan")]
    [InlineData("None")]
    [InlineData("null")]
    [InlineData("?")]
    [InlineData("N/A")]
    public void A_Marker_For_No_Label_Is_Remarked_And_Can_Be_Left_Out(string marker)
    {
        string[] labels = marker == "-1" ? ["0", marker, "1", "0"] : ["pos", marker, "neg", "pos"];
        var data = Load(labels);
        Assert.Contains(
            $"'{marker}' (1 row) is read as a class, but may say that a row has no label; leave such rows out with --no-label \"{marker}\"",
            Assert.Single(data.Remarks));
        var without = Load(labels, new DataOptions { NoLabel = [marker] });
        Assert.Equal((2, 3, 1), (without.Labels!.Count, without.Count, without.SkippedRows));
        Assert.Empty(without.Remarks);
        Assert.Equal([0, 2, 3], without.Examples.Select(e => e.Row));
    }

    [Theory]
    [InlineData("pos", "Pos")]
    [InlineData("very good", "very  good")]
    [InlineData("caf\u00E9", "cafe\u0301")]
    [InlineData("pos", "pos\u200B")]
    [InlineData("not_good", "not good")]
    public void Classes_That_Look_Alike_Are_Remarked(string first, string second) =>
        Assert.Contains("differ in case, blanks or form of letters only", Assert.Single(Load([first, second, "other", first]).Remarks));

    [Fact]
    public void One_Class_And_Nearly_As_Many_Classes_As_Rows_Are_Remarked()
    {
        Assert.Contains("All 3 rows have one label, 'pos'", Assert.Single(Load(["pos", "pos", "pos"]).Remarks));
        Assert.Contains(
            "There are 30 classes for 30 rows", Assert.Single(Load([.. Enumerable.Range(0, 30).Select(i => $"id{i}")]).Remarks));
    }

    [Fact]
    public void Numbers_That_May_Be_Classes_And_Decimal_Commas_Are_Remarked()
    {
        Assert.Contains("--problem classification", Assert.Single(Load(["0.0", "1.0", "1.0", "0.0"]).Remarks));
        Assert.Empty(Load(["0.5", "1.0", "2.5", "0.0"]).Remarks);
        Assert.Contains("write numbers with a point", Assert.Single(Load(["3,5", "4,0", "3,5", "4,0"]).Remarks));
    }

    [Fact]
    public void Good_Labels_And_Given_Ones_Are_Not_Remarked()
    {
        Assert.Empty(Load(["pos", "neg", "pos"]).Remarks);
        Assert.Empty(Load(["none", "none"], new DataOptions { Labels = new LabelMap(["none", "favor"]) }).Remarks);
    }
}
