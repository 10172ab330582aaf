using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class CsvTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Quoted_Fields_Hold_Commas_Quotes_And_Line_Ends()
    {
        var data = _folder.Load("a.csv", "\uFEFFtext,label\r\n\"a, \"\"b\"\"\r\nc\",1\r\nplain,0\r\n");
        Assert.Equal("a, \"b\"\r\nc", data.Examples[0].Text);
        Assert.Equal([2, 4], data.Examples.Select(e => e.Line));
        Assert.Equal([1, 0], data.Examples.Select(e => e.Label));
    }

    [Fact]
    public void Only_Commas_Separate()
    {
        var data = _folder.Load("a.csv", "text;label,label\na;b\tc,1\n", new DataOptions { Text = "1", HasHeader = true });
        Assert.Equal("a;b\tc", data.Examples[0].Text);
    }

    [Fact]
    public void Wrong_Number_Of_Columns_Names_The_Line()
    {
        Assert.Contains(
            "line 4: 3 columns found, 2 columns expected as in the header", _folder.Refused("a.csv", "text,label\n\"a\nb\",1\nc,d,0\n"));
        Assert.Contains("line 2: 1 column found", _folder.Refused("a.csv", "text,label\nc\n"));
    }

    [Theory]
    [InlineData("text,label\nfine,0\nsay \"hi\",1\n", "line 3: a quote stands where")]
    [InlineData("text,label\nfine,0\n\"say\" hi,1\n", "line 3: a quote stands where")]
    [InlineData("text,label\nfine,0\n\"say hi,1\nmore,0\n", "line 3: a quote opens a field and is never closed")]
    public void Bad_Quotes_Are_Bad_Rows(string text, string expected)
    {
        Assert.Contains(expected, _folder.Refused("a.csv", text));
        var data = _folder.Load("a.csv", text, new DataOptions { OnBadRow = OnBadRow.Skip });
        Assert.Equal((1, 1), (data.Count, data.SkippedRows));
    }

    [Fact]
    public void Invalid_Utf8_Names_The_Line_And_Can_Be_Skipped()
    {
        byte[] bytes = [.. "text,label\nfine,1\n\"ca"u8, 0xE9, .. "fe\",0\nlast,0\n"u8];
        Assert.Contains("line 3: byte 4 (0xE9) is not valid UTF-8", _folder.Refused("a.csv", bytes));
        var data = TextDataset.Load(_folder.Write("a.csv", bytes), new DataOptions { OnBadRow = OnBadRow.Skip });
        Assert.Equal(["fine", "last"], data.Examples.Select(e => e.Text));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(300_000)]
    public void Endless_Quote_Is_Stopped_By_The_Limit(int length) =>
        Assert.Matches("line 2: .*longer than", _folder.Refused(
            "a.csv", "text,label\n\"" + new string('x', length) + "\n" + new string('y', length), new DataOptions { MaxLineBytes = 50 }));

    [Fact]
    public void Empty_Text_And_Unknown_Column_Are_Refused()
    {
        Assert.Contains("line 2: the text in column 'text' is empty", _folder.Refused("a.csv", "text,label\n\"\",1\n"));
        Assert.Contains(
            "no column 'x' among the columns 'text', 'label'",
            _folder.Refused("a.csv", "text,label\na,1\n", new DataOptions { Text = "x" }));
        Assert.Contains("is empty (0 bytes)", _folder.Refused("a.csv", ""));
        Assert.Contains("holds no row", _folder.Refused("a.csv", "text,label\n"));
    }
}
