using System.Text;
using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class TsvTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sentence\tlabel\ngood\t1\nbad\t0\n")]
    [InlineData("sentence\tlabel\r\ngood\t1\r\nbad\t0\r\n")]
    [InlineData("sentence\tlabel\ngood\t1\nbad\t0")]
    [InlineData("\uFEFFsentence\tlabel\ngood\t1\nbad\t0\n\n\n")]
    public void Line_Ends_Marks_And_Blank_Ends_Are_Understood(string text)
    {
        var data = _folder.Load("train.tsv", text);
        Assert.Equal(["good", "bad"], data.Examples.Select(e => e.Text));
        Assert.Equal([1, 0], data.Examples.Select(e => e.Label));
        Assert.Equal([2, 3], data.Examples.Select(e => e.Line));
        Assert.Equal(["0", "1"], data.LabelNames);
    }

    [Fact]
    public void Quotes_Are_Text()
    {
        var data = _folder.Load("train.tsv", "sentence1\tsentence2\tlabel\n\"open\t\"\" two\"\t1\nx\ty\t0\n");
        Assert.Equal(("\"open", "\"\" two\""), (data.Examples[0].Text, data.Examples[0].Pair));
    }

    [Fact]
    public void Columns_Are_Chosen_By_Name()
    {
        var options = new DataOptions { Text = "Body", Pair = "title", Label = "stars" };
        var data = _folder.Load("reviews.tsv", "sentence\tbody\ttitle\tstars\na\tb\tc\t3.5\n", options);
        Assert.Equal(new Example("b", "c", -1, 3.5f, 2), data.Examples[0] with { File = null, Row = -1 });
        Assert.Equal(LabelKind.Regression, data.Kind);
    }

    [Fact]
    public void Columns_Are_Chosen_By_Number_Where_There_Is_No_Header()
    {
        var data = _folder.Load("cola.tsv", "gj04\t1\t\tgood\ngj04\t0\t*\tbad\n", new DataOptions { Text = "4", Label = "2" });
        Assert.Equal(["good", "bad"], data.Examples.Select(e => e.Text));
        Assert.Equal([1, 2], data.Examples.Select(e => e.Line));
    }

    [Fact]
    public void Explicit_Text_Has_No_Guessed_Pair()
    {
        var data = _folder.Load("a.tsv", "sentence1\tsentence2\tlabel\na\tb\t1\n", new DataOptions { Text = "sentence1" });
        Assert.Null(data.Examples[0].Pair);
    }

    [Fact]
    public void Missing_Label_Column_Means_No_Labels_Unless_Required()
    {
        Assert.Equal(LabelKind.None, _folder.Load("a.tsv", "text\nhello\n").Kind);
        Assert.Contains("no label column", _folder.Refused("a.tsv", "text\nhello\n", new DataOptions { RequireLabels = true }));
    }

    [Fact]
    public void Wrong_Number_Of_Columns_Names_The_Line()
    {
        var message = _folder.Refused("a.tsv", "sentence\tlabel\nfine\t1\nno label\n");
        Assert.Contains("line 3: 1 column found, 2 columns expected as in the header", message);
        Assert.Contains("line 2: 3 columns found", _folder.Refused("a.tsv", "sentence\tlabel\na\tb\t1\n"));
        Assert.Contains("line 2: 2 columns found, 3 columns expected as in the first row",
            _folder.Refused("a.tsv", "x\ty\t1\nx\ty\n", new DataOptions { Text = "1", Label = "3" }));
    }

    [Fact]
    public void Blank_Line_Between_Rows_Is_Bad() =>
        Assert.Contains("line 3: the line is blank", _folder.Refused("a.tsv", "sentence\tlabel\na\t1\n\nb\t0\n"));

    [Fact]
    public void Empty_Text_And_Label_Are_Bad()
    {
        Assert.Contains("line 2: the text in column 'sentence' is empty", _folder.Refused("a.tsv", "sentence\tlabel\n \t1\n"));
        Assert.Contains(
            "line 2: the text in column 'sentence2' is empty", _folder.Refused("a.tsv", "sentence1\tsentence2\tlabel\na\t\t1\n"));
        Assert.Contains("line 2: the label in column 'label' is empty", _folder.Refused("a.tsv", "sentence\tlabel\na\t\n"));
        Assert.Equal("", _folder.Load("a.tsv", "sentence\tlabel\n\t1\n", new DataOptions { AllowEmptyText = true }).Examples[0].Text);
    }

    [Fact]
    public void Unknown_Column_Lists_Those_There_Are()
    {
        var message = _folder.Refused("a.tsv", "sentence\tlabel\na\t1\n", new DataOptions { Text = "sentense" });
        Assert.Contains("no column 'sentense' among the columns 'sentence', 'label'", message);
        Assert.Contains("'text'", message);
        Assert.Contains("no column 'y' among", _folder.Refused("a.tsv", "sentence\tlabel\na\t1\n", new DataOptions { Label = "y" }));
        Assert.Contains("no text column was recognised among the columns 'foo', 'bar'", _folder.Refused("a.tsv", "foo\tbar\na\t1\n"));
        Assert.Contains("number from 1 to 2", _folder.Refused("a.tsv", "a\tb\n", new DataOptions { Text = "3" }));
    }

    [Fact]
    public void Invalid_Utf8_Names_Line_And_Byte()
    {
        byte[] bytes = [.. "sentence\tlabel\nfine\t1\nca"u8, 0xE9, .. "fe\t0\n"u8];
        Assert.Contains("line 3: byte 3 (0xE9) is not valid UTF-8", _folder.Refused("a.tsv", bytes));
        Assert.Contains(
            "UTF-16", _folder.Refused("a.tsv", [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes("text\tlabel\na\t1\n")]));
    }

    [Theory]
    [InlineData(50)]
    [InlineData(200_000)]
    public void Too_Long_Line_Is_Bad_And_The_Next_Is_Read(int length)
    {
        var text = "sentence\tlabel\n" + new string('x', length) + "\t1\nnext\t0\n";
        Assert.Contains("line 2: the line is longer than 20 bytes", _folder.Refused("a.tsv", text, new DataOptions { MaxLineBytes = 20 }));
        var data = _folder.Load("a.tsv", text, new DataOptions { MaxLineBytes = 20, OnBadRow = OnBadRow.Skip });
        Assert.Equal(("next", 3, 1), (data.Examples.Single().Text, data.Examples[0].Line, data.SkippedRows));
    }

    [Fact]
    public void Lines_Longer_Than_The_Read_Buffer_Are_Whole()
    {
        var longText = new string('é', 150_000);
        var data = _folder.Load("a.tsv", $"sentence\tlabel\nshort\t0\n{longText}\t1\nlast\t0\n");
        Assert.Equal(["short", longText, "last"], data.Examples.Select(e => e.Text));
    }

    [Fact]
    public void Files_Without_Rows_Are_Refused()
    {
        Assert.Contains("is empty (0 bytes)", _folder.Refused("a.tsv", ""));
        Assert.Contains("holds no row", _folder.Refused("a.tsv", "sentence\tlabel\n"));
        Assert.Contains("does not exist", Assert.Throws<PeftException>(() => TextDataset.Load("no-such.tsv")).Message);
        Assert.Contains(
            "is a folder",
            Assert.Throws<PeftException>(() => TextDataset.Load(_folder.Path, new DataOptions { Format = DataFormat.Tsv })).Message);
        Assert.Contains("'.xlsx'", _folder.Refused("a.xlsx", "x"));
    }

    [Fact]
    public void Skipping_Counts_And_Remembers()
    {
        byte[] bytes = [.. "sentence\tlabel\na\t1\nb\n\t1\nc"u8, 0xFF, .. "\t1\nd\tx\ne\t0\n"u8];
        var data = TextDataset.Load(_folder.Write("a.tsv", bytes), new DataOptions { OnBadRow = OnBadRow.Skip });
        Assert.Equal(["a", "e"], data.Examples.Select(e => e.Text));
        Assert.Equal(4, data.SkippedRows);
        Assert.Equal([3, 4, 5, 6], data.Problems.Select(p => int.Parse(p.Split("line ")[1].Split(':')[0])));
        Assert.Contains("all 1 are bad", _folder.Refused("a.tsv", "sentence\tlabel\nb\n", new DataOptions { OnBadRow = OnBadRow.Skip }));
    }
}
