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

    [Theory]
    [InlineData("a.csv", "text,text2,label\nx,a,pos\ny,b,neg\n", "'text2'")]
    [InlineData("a.tsv", "question\tAnswer\tlabel\nx\ta\tpos\ny\tb\tneg\n", "'Answer'")]
    [InlineData("a.jsonl", "{\"sentence\":\"x\",\"sentence_2\":\"a\",\"label\":\"pos\"}\n"
        + "{\"sentence\":\"y\",\"sentence_2\":\"b\",\"label\":\"neg\"}\n", "'sentence_2'")]
    [InlineData("a.csv", "text,title,label\nx,a,pos\ny,b,neg\n", null)]
    [InlineData("a.csv", "sentence1,sentence2,label\nx,a,pos\ny,b,neg\n", null)]
    public void A_Second_Text_That_Is_Not_Read_Is_Said_Unless_The_First_Was_Named(string name, string text, string? said)
    {
        var remarks = _folder.Load(name, text).Remarks;
        if (said is null)
        {
            Assert.Empty(remarks);
            return;
        }
        Assert.Contains($"the column {said} looks like a second text and is not read", Assert.Single(remarks));
        var first = text.TrimStart('{', '"')[..4] switch { "text" => "text", "ques" => "question", _ => "sentence" };
        Assert.Empty(_folder.Load(name, text, new DataOptions { Text = first }).Remarks);
        Assert.Empty(_folder.Load(name, text, new DataOptions { Usual = new(first, null, "label") }).Remarks);
        var pairs = _folder.Load(name, text, new DataOptions { Pair = said.Trim('\'') });
        Assert.Empty(pairs.Remarks);
        Assert.Equal(["a", "b"], pairs.Examples.Select(e => e.Pair));
    }

    [Fact]
    public void Numbers_Stand_For_Files_Without_A_Header()
    {
        var usual = new DataOptions { Usual = new("2", null, "1") };
        Assert.Equal(["a b", "c d"], _folder.Load("a.tsv", "pos\ta b\nneg\tc d\n", usual).Examples.Select(e => e.Text));
    }
}
