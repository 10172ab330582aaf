using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class LabelTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Names_Are_Sorted_And_Integers_Keep_Their_Order()
    {
        Assert.Equal(["Zebra", "apple", "pear"], LabelMap.From(["pear", "apple", "Zebra", "pear"]).Names);
        Assert.Equal(["0", "1", "2", "10"], LabelMap.From(["10", "2", "0", "1"]).Names);
        Assert.Equal(2, LabelMap.From(["2", "0", "1"]).IndexOf("02"));
        Assert.Equal(["-1", "1"], LabelMap.From(["1", "-1"]).Names);
    }

    [Fact]
    public void Word_Maps_Understand_Indices_And_Number_Maps_Do_Not()
    {
        var words = new LabelMap(["no", "yes"]);
        Assert.Equal([1, 1, 0, -1, -1, -1], new[] { "yes", "1", "0", "2", "-1", "Yes" }.Select(words.IndexOf));
        Assert.Equal([0, 1, -1], new[] { "3", "5", "0" }.Select(new LabelMap(["3", "5"]).IndexOf));
    }

    [Fact]
    public void Wrong_Maps_Are_Refused()
    {
        Assert.Contains("'a' occurs twice", Assert.Throws<PeftException>(() => new LabelMap(["a", "a"])).Message);
        Assert.Contains("at least one", Assert.Throws<PeftException>(() => new LabelMap([])).Message);
    }

    [Fact]
    public void Development_Set_Shares_The_Training_Classes()
    {
        var train = _folder.Load("train.tsv", "text\tlabel\na\tneutral\nb\tentailment\nc\tcontradiction\n");
        var dev = _folder.Load("dev.tsv", "text\tlabel\na\tneutral\n", new DataOptions { Labels = train.Labels });
        Assert.Equal(2, dev.Examples[0].Label);
        Assert.Same(train.Labels, dev.Labels);
    }

    [Fact]
    public void Unknown_Label_In_Development_Set_Is_Bad()
    {
        var options = new DataOptions { Labels = new LabelMap(["no", "yes"]) };
        Assert.Contains("line 3: the label 'maybe' is none of the known ones ('no', 'yes')",
            _folder.Refused("dev.tsv", "text\tlabel\na\tno\nb\tmaybe\n", options));
        var data = _folder.Load("dev.tsv", "text\tlabel\na\tno\nb\tmaybe\n", options with { OnBadRow = OnBadRow.Skip });
        Assert.Equal((1, 1), (data.Count, data.SkippedRows));
    }

    [Theory]
    [InlineData("1", "0", "oops")]
    [InlineData("1.5", "0.25", "oops")]
    [InlineData("1.5", "0.25", "NaN")]
    [InlineData("1.5", "0.25", "1e99")]
    public void Word_Among_Numbers_Is_Bad(string first, string second, string third)
    {
        var text = $"text\tlabel\na\t{first}\nb\t{second}\nc\t{third}\n";
        Assert.Contains($"line 4: the label '{third}' is not a number", _folder.Refused("a.tsv", text));
        var asNames = _folder.Load("a.tsv", text, new DataOptions { Kind = LabelKind.Class });
        Assert.Equal(3, asNames.Labels!.Count);
    }

    [Fact]
    public void Regression_Can_Be_Asked_For_And_Labels_Ignored()
    {
        var text = "text\tlabel\na\t1\nb\t2\n";
        Assert.Equal([1f, 2f], _folder.Load("a.tsv", text, new DataOptions { Kind = LabelKind.Regression }).Examples.Select(e => e.Target));
        Assert.Equal(LabelKind.None, _folder.Load("a.tsv", text, new DataOptions { Kind = LabelKind.None }).Kind);
    }

    [Fact]
    public void Subset_And_Take_Keep_Labels_And_Order()
    {
        var data = _folder.Load("a.tsv", "text\tlabel\na\tx\nb\ty\nc\tx\n");
        var subset = data.Subset([2, 0]);
        Assert.Equal(["c", "a"], subset.Examples.Select(e => e.Text));
        Assert.Same(data.Labels, subset.Labels);
        Assert.Equal([2, 3, 0], new[] { data.Take(2).Count, data.Take(9).Count, data.Take(0).Count });
        Assert.Contains("rows 0 to 2", Assert.Throws<PeftException>(() => data.Subset([3])).Message);
    }
}
