using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>The columns that a model was trained on are read where a file has them.</summary>
public sealed class UsualColumnsTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.csv", "text,body,stars,label\nx,a,pos,1\ny,b,neg,0\n")]
    [InlineData("a.jsonl", "{\"text\":\"x\",\"body\":\"a\",\"stars\":\"pos\",\"label\":1}\n"
        + "{\"text\":\"y\",\"body\":\"b\",\"stars\":\"neg\",\"label\":0}\n")]
    public void They_Go_Before_What_Is_Recognised_And_After_What_Is_Named(string name, string text)
    {
        var usual = new DataOptions { Usual = new("body", null, "stars") };
        var data = _folder.Load(name, text, usual);
        Assert.Equal(["a", "b"], data.Examples.Select(e => e.Text));
        Assert.Equal(["neg", "pos"], data.LabelNames!);
        Assert.Equal("x", _folder.Load(name, text, usual with { Text = "text" }).Examples[0].Text);
        Assert.Equal(["0", "1"], _folder.Load(name, text, usual with { Label = "label" }).LabelNames!);
        // A file that lacks them is read as ever.
        Assert.Equal("x", _folder.Load(name, text, new DataOptions { Usual = new("other", null, "none") }).Examples[0].Text);
    }

    [Fact]
    public void Numbers_Stand_For_Files_Without_A_Header()
    {
        var usual = new DataOptions { Usual = new("2", null, "1") };
        Assert.Equal(["a b", "c d"], _folder.Load("a.tsv", "pos\ta b\nneg\tc d\n", usual).Examples.Select(e => e.Text));
    }
}
