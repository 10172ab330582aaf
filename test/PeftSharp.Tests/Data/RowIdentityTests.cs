using System.Text;
using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>A row keeps its number and line whatever is left out before it, and the columns that were asked for.</summary>
public sealed class RowIdentityTests : IDisposable
{
    private static readonly DataOptions Skip = new() { OnBadRow = OnBadRow.Skip };
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.csv", "id,text,label\n100,alpha,pos\n101,,neg\n102,beta,neg\n", new[] { 0, 2 }, new[] { 2, 4 })]
    [InlineData("a.tsv", "id\ttext\tlabel\n100\talpha\tpos\n\n102\tbeta\tneg\n", new[] { 0, 2 }, new[] { 2, 4 })]
    [InlineData("a.jsonl", "{\"id\":\"100\",\"text\":\"alpha\",\"label\":\"pos\"}\n\n"
        + "not json\n{\"id\":\"102\",\"text\":\"beta\",\"label\":\"neg\"}\n", new[] { 0, 2 }, new[] { 1, 4 })]
    [InlineData("a.json", "[{\"id\":\"100\",\"text\":\"alpha\",\"label\":\"pos\"},\n7,\n"
        + "{\"id\":\"102\",\"text\":\"beta\",\"label\":\"neg\"}]", new[] { 0, 2 }, new[] { 1, 3 })]
    public void Rows_That_Are_Left_Out_Do_Not_Renumber_The_Others(string name, string text, int[] rows, int[] lines)
    {
        foreach (var storage in new[] { new DataStorage(), new DataStorage { MemoryBytes = 1, Folder = _folder.Path } })
        {
            var data = _folder.Load(name, text, Skip with { Keep = ["id"], Storage = storage });
            Assert.Equal(rows, data.Examples.Select(e => e.Row));
            Assert.Equal(lines, data.Examples.Select(e => e.Line));
            Assert.Equal(["100", "102"], data.Examples.Select(e => e.Kept!.Single().Text));
            Assert.Equal(1, data.SkippedRows);
            var second = data.RowsNumbered([2]);
            Assert.Equal(("beta", 2, 1), (second.Examples.Single().Text, second.Examples[0].Row, second.SkippedRows));
            Assert.Contains("has rows 0 to 2", Assert.Throws<PeftException>(() => data.RowsNumbered([3])).Message);
        }
    }

    [Fact]
    public void A_Row_With_A_Bad_Label_Is_Still_A_Row()
    {
        var data = _folder.Load("a.csv", "text,label\na,1\nb,x\nc,0\n", Skip);
        Assert.Equal([0, 2], data.Examples.Select(e => e.Row));
    }

    [Fact]
    public void Numbers_Count_Over_All_Files_And_Rows_Within_Theirs()
    {
        _folder.Write("1.csv", "text,label\na,0\nb\nc,1\n");
        _folder.Write("2.csv", "label,text\n1,d\n0,e\n");
        var data = TextDataset.Load(System.IO.Path.Combine(_folder.Path, "*.csv"), Skip with { KeepAll = true });
        Assert.Equal([0, 2, 0, 1], data.Examples.Select(e => e.Row));
        Assert.Equal(["c", "e"], data.RowsNumbered([2, 4]).Examples.Select(e => e.Text));
        Assert.Equal(["text", "label"], data.KeptColumns);
        Assert.Equal(["d", "1"], data.Examples[2].Kept!.Select(v => v.Text));
    }

    [Fact]
    public void Parquet_Rows_Are_Numbered_And_Keep_Types()
    {
        var data = TextDataset.Load(TestPaths.Fixture("data", "labelled.parquet"), new DataOptions { Keep = ["idx", "long", "text"] });
        Assert.Equal(Enumerable.Range(0, 20), data.Examples.Select(e => e.Row));
        Assert.Equal([true, true, false], data.Examples[0].Kept!.Select(v => v.IsJson));
        Assert.Contains("there is no column 'id'", Assert.Throws<PeftException>(
            () => TextDataset.Load(TestPaths.Fixture("data", "labelled.parquet"), new DataOptions { Keep = ["id"] })).Message);
    }

    [Fact]
    public void Json_Values_Keep_Their_Spelling_And_Fields_May_Be_Missing()
    {
        var data = _folder.Load(
            "a.jsonl", "{\"text\":\"a\",\"id\":12345678901234567890}\n{\"text\":\"b\",\"tags\":[1, 2],\"id\":\"x\"}\n{\"text\":\"c\"}\n",
            new DataOptions { KeepAll = true });
        Assert.Equal(["text", "id", "tags"], data.KeptColumns);
        Assert.Equal(new KeptValue("12345678901234567890", true), data.Examples[0].Kept![1]);
        Assert.Equal([new KeptValue("x", false), new KeptValue("[1, 2]", true)], data.Examples[1].Kept!.Skip(1));
        Assert.Equal([default, default], data.Examples[2].Kept!.Skip(1));
    }

    [Fact]
    public void Blank_Texts_Are_Refused_By_Every_Way_In()
    {
        var refused = Assert.Throws<PeftException>(() => TextDataset.FromTexts(["a", " "], "--text")).Message;
        Assert.StartsWith("--text, text 2: the text is empty", refused);
        Stream Lines() => new MemoryStream(Encoding.UTF8.GetBytes("\uFEFFgood\n\n bad\n\n"));
        Assert.StartsWith(
            "standard input, line 2: the text is empty",
            Assert.Throws<PeftException>(() => TextDataset.FromLines(Lines(), "standard input")).Message);
        var skipped = TextDataset.FromLines(Lines(), "standard input", Skip);
        Assert.Equal([("good", 0), (" bad", 2)], skipped.Examples.Select(e => (e.Text, e.Row)));
        Assert.Equal(3, TextDataset.FromLines(Lines(), "standard input", new DataOptions { AllowEmptyText = true }).Count);
        var byHand = new TextDataset([new Example("", null, -1, float.NaN, 1)], LabelKind.None, null, "memory");
        Assert.Contains(
            "memory, line 1: the text is empty",
            Assert.Throws<PeftException>(() => TokenizedDataset.Create(byHand, new OneToken(), 8)).Message);
        Assert.Contains("--skip-bad-rows", _folder.Refused("a.csv", "text,label\na,1\n,0\n"));
    }

    private sealed class OneToken : ITextEncoder
    {
        public int PadId => 0;

        public EncodedText Encode(string text, string? pair, int maxLength) => new([1], null);
    }
}
