using System.IO.Compression;
using System.Text;
using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>Separators, quotes, headers, line ends and encodings: read as the file shows, remarked, or refused.</summary>
public sealed class LayoutTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("text;label\n\"good; really\";pos\nbad, not good;neg\n", "semicolons")]
    [InlineData("text\tlabel\n\"good\treally\"\tpos\nbad, not good\tneg\n", "tabs")]
    [InlineData("text|label\n\"good| really\"|pos\nbad, not good|neg\n", "bars")]
    [InlineData("\uFEFFtext;label\r\n\"good;\r\nreally\";pos\r\nbad, not good;neg\r\n", "semicolons")]
    public void Another_Separator_In_A_Csv_Is_Seen_And_Said(string text, string separator)
    {
        var data = _folder.Load("a.csv", text);
        Assert.Equal(["pos", "neg"], data.Examples.Select(e => data.LabelNames![e.Label]));
        Assert.Equal("bad, not good", data.Examples[1].Text);
        Assert.Contains($"{separator} separate the columns", Assert.Single(data.Remarks));
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(Encoding.UTF8.GetBytes(text));
        Assert.Equal(
            data.Examples.Select(e => e.Text), TextDataset.Load(_folder.Write("b.csv.gz", packed.ToArray())).Examples.Select(e => e.Text));
    }

    [Fact]
    public void A_Comma_That_Fits_Is_The_Separator_And_One_Can_Be_Named()
    {
        Assert.Empty(_folder.Load("a.csv", "text,label\na;b,1\nc;d,0\n").Remarks);
        Assert.Equal("good;bad", _folder.Load("b.csv", "text\ngood;bad\nfine\n").Examples[0].Text);
        Assert.Equal(
            "a,1",
            _folder.Load(
                "c.csv", "text,label;x\na,1;2\n", new DataOptions { Separator = ';', Text = "1", HasHeader = true }).Examples[0].Text);
        Assert.Equal("a b", _folder.Load("d.txt", "text,label\n\"a b\",1\n", new DataOptions { Separator = ',' }).Examples[0].Text);
        Assert.Contains("if semicolons separate the columns, say so with --separator ';'", _folder.Refused("e.tsv", "text;label\na;1\n"));
        Assert.Equal("a", _folder.Load("f.csv", "sep=;\ntext;label\na;1\n").Examples[0].Text);
    }

    [Fact]
    public void Quotes_Of_A_Tsv_Are_Marks_Where_Its_Header_Has_Them_Or_They_Are_Asked_For()
    {
        var quoted = _folder.Load("a.tsv", "\"text\"\t\"label\"\n\"he said \"\"hi\"\"\"\t\"1\"\n\"b\tc\"\t0\n");
        Assert.Equal(["he said \"hi\"", "b\tc"], quoted.Examples.Select(e => e.Text));
        Assert.Contains("quotes are taken for marks", quoted.Remarks[0]);
        var letters = _folder.Load("c.tsv", "text\tlabel\na \"b\"\t1\n\"a \"\"b\"\"\"\t0\n");
        Assert.Equal("\"a \"\"b\"\"\"", letters.Examples[1].Text);
        Assert.Contains("they are read as letters (--quoted yes", Assert.Single(letters.Remarks));
        Assert.Empty(_folder.Load("d.tsv", "text\tlabel\n\"a\" and \"b\"\t1\n\"b\"\t0\n").Remarks);
        Assert.Equal("\"b\"", _folder.Load("b.tsv", "text\tlabel\n\"b\"\t1\n").Examples[0].Text);
        Assert.Equal("b", _folder.Load("b.tsv", "text\tlabel\n\"b\"\t1\n", new DataOptions { Quoted = true }).Examples[0].Text);
    }

    [Theory]
    [InlineData("review_body,verdict\ngood film,pos\nbad film,neg\nfine,pos\n", "1", "2", "the label 'verdict' stands in this row alone")]
    [InlineData("Text,Label\ngood film,pos\n", "1", "2", "columns of that name are usual")]
    [InlineData("body,stars\ngood film,5\nbad film,1\n", "1", "2", "column 2 holds numbers")]
    [InlineData("body,author\ngood film,Ann Lee\nbad film,Bo\n", "1", null, "each is a single word")]
    public void A_Header_Is_Not_Read_As_A_Row(string text, string column, string? label, string reason)
    {
        var options = new DataOptions { Text = column, Label = label };
        Assert.Contains(reason, _folder.Refused("a.csv", text, options));
        Assert.Equal(text.Count(c => c == '\n') - 1, _folder.Load("a.csv", text, options with { HasHeader = true }).Count);
        Assert.Equal(
            text.Count(c => c == '\n'), _folder.Load("a.csv", text, options with { HasHeader = false, Kind = LabelKind.Class }).Count);
    }

    [Theory]
    [InlineData("good film,pos\nbad film,neg\nfine,pos\n")]
    [InlineData("good,pos\nbad,neg\nfine,pos\nnice,neg\n")]
    public void Rows_Without_A_Header_Are_Rows(string text) =>
        Assert.Equal(text.Count(c => c == '\n'), _folder.Load("a.csv", text, new DataOptions { Text = "1", Label = "2" }).Count);

    [Theory]
    [InlineData("a.csv", "text,label\ra,1\rb,0\r")]
    [InlineData("a.tsv", "text\tlabel\ra\t1\rb\t0\r")]
    [InlineData("a.jsonl", "{\"text\":\"a\",\"label\":1}\r{\"text\":\"b\",\"label\":0}\r")]
    public void Carriage_Returns_Alone_End_Lines(string name, string text) =>
        Assert.Equal(["a", "b"], _folder.Load(name, text).Examples.Select(e => e.Text));

    [Theory]
    [InlineData("a.csv")]
    [InlineData("a.tsv")]
    [InlineData("a.jsonl")]
    public void Utf16_And_Zeros_Are_Told(string name)
    {
        const string Text = "{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\",\"label\":1}\n";
        Assert.Contains("UTF-16, expected UTF-8", _folder.Refused(name, [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Text)]));
        Assert.Contains("UTF-16, expected UTF-8", _folder.Refused(name, [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes(Text)]));
        Assert.Contains("as in UTF-16 and in binary files", _folder.Refused(name, Encoding.Unicode.GetBytes(Text)));
    }

    [Fact]
    public void A_Column_Name_That_Is_There_Twice_Is_Not_Guessed() =>
        Assert.Contains("2 columns are called 'label'", _folder.Refused("a.csv", "text,label,label\na,1,0\n"));
}
