using System.Text.Json.Serialization;
using PeftSharp.Data;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Data;

/// <summary>Rows of which each has any number of labels at once.</summary>
public sealed class MultiLabelTests : IDisposable
{
    private static readonly DataOptions Several = new() { Kind = LabelKind.MultiLabel };

    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lists_Of_Json_Are_Sets_And_Nobody_Has_To_Say_So()
    {
        var data = _folder.Load(
            "rows.jsonl", """
            {"text": "a", "labels": ["toxic", "insult"]}
            {"text": "b", "labels": []}
            {"text": "c", "labels": ["threat"]}
            """);
        Assert.Equal(LabelKind.MultiLabel, data.Kind);
        Assert.Equal(["insult", "threat", "toxic"], data.LabelNames!);
        Assert.Equal([[0, 2], [], [1]], Sets(data));
        Assert.All(data.Examples, row => Assert.Equal(-1, row.Label));
        Assert.Empty(data.Remarks);
    }

    [Fact]
    public void Whole_Numbers_Are_Classes_And_Zeros_And_Ones_With_A_Point_Say_Which_Hold()
    {
        var ids = _folder.Load("ids.jsonl", "{\"text\": \"a\", \"labels\": [10, 2]}\n{\"text\": \"b\", \"labels\": [2]}\n");
        Assert.Equal(["2", "10"], ids.LabelNames!);
        Assert.Equal([[0, 1], [0]], Sets(ids));
        var held = _folder.Load(
            "held.jsonl", "{\"text\": \"a\", \"labels\": [0.0, 1.0, 1.0]}\n{\"text\": \"b\", \"labels\": [0.0, 0.0, 0.0]}\n");
        Assert.Equal(["0", "1", "2"], held.LabelNames!);
        Assert.Equal([[1, 2], []], Sets(held));
        var named = TextDataset.Load(
            _folder.Write("named.jsonl", "{\"text\": \"a\", \"labels\": [0.0, 1.0]}\n"),
            Several with { Labels = new LabelMap(["x", "y"]) });
        Assert.Equal([[1]], Sets(named));
        Assert.Contains(
            "list of 2 numbers, but there are 3 classes",
            _folder.Refused("other.jsonl", "{\"text\": \"a\", \"labels\": [0.0, 1.0, 1.0]}\n{\"text\": \"b\", \"labels\": [0.0, 1.0]}\n"));
        Assert.Contains("name '0' twice", _folder.Refused("twice.jsonl", "{\"text\": \"a\", \"labels\": [0, 1, 0]}\n"));
        Assert.Contains("0.0 or 1.0", _folder.Refused("half.jsonl", "{\"text\": \"a\", \"labels\": [0.5, 1.0]}\n"));
    }

    [Theory]
    [InlineData("text\tlabels\na\tx|y\nb\t\nc\ty\n")]
    [InlineData("text\tlabels\na\tx;y\nb\t\nc\ty\n")]
    [InlineData("text\tlabels\na\tx, y\nb\t\nc\ty\n")]
    [InlineData("text\tlabels\na\t[\"x\", \"y\"]\nb\t[]\nc\t[\"y\"]\n")]
    public void Cells_Of_Several_Labels_Are_Told_Apart(string text)
    {
        var data = _folder.Load("rows.tsv", text, Several);
        Assert.Equal(["x", "y"], data.LabelNames!);
        Assert.Equal([[0, 1], [], [1]], Sets(data));
        Assert.Equal(text.Contains('[') ? 0 : 1, data.Remarks.Count(remark => remark.Contains("separated by", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_Separates_Labels_Is_Asked_For_Where_Cells_Do_Not_Tell()
    {
        const string text = "text\tlabels\na\tlove, joy|pride\nb\tpride\n";
        Assert.Contains("'|' and ','", _folder.Refused("rows.tsv", text, Several));
        var data = _folder.Load("rows.tsv", text, Several with { LabelSeparator = '|' });
        Assert.Equal(["love, joy", "pride"], data.LabelNames!);
        Assert.Equal([[0, 1], [1]], Sets(data));
    }

    [Fact]
    public void Without_A_Word_Such_Cells_Stay_Classes_And_It_Is_Said()
    {
        var data = _folder.Load("rows.tsv", "text\tlabel\na\tx|y\nb\tx\nc\ty\n");
        Assert.Equal(LabelKind.Class, data.Kind);
        Assert.Contains(data.Remarks, remark => remark.Contains("'x|y' are read as one class", StringComparison.Ordinal));
        Assert.DoesNotContain(
            _folder.Load("plain.tsv", "text\tlabel\na\tand|or\nb\tx\nc\ty\n").Remarks,
            remark => remark.Contains("one class each", StringComparison.Ordinal));
        Assert.Contains(
            "multi_label_classification",
            _folder.Refused("list.jsonl", "{\"text\": \"a\", \"label\": [\"x\"]}\n", new DataOptions { Kind = LabelKind.Class }));
    }

    [Theory]
    [InlineData("rows.csv", "text,toxic,threat,note\na,1,0,q\nb,0,0,w\nc,True,1.0,e\n")]
    [InlineData(
        "rows.jsonl",
        "{\"text\":\"a\",\"toxic\":1,\"threat\":0}\n{\"text\":\"b\",\"toxic\":false,\"threat\":0.0}\n"
        + "{\"text\":\"c\",\"toxic\":true,\"threat\":\"1\"}\n")]
    public void Columns_Of_Zero_And_One_Name_The_Classes(string file, string text)
    {
        var data = _folder.Load(file, text, new DataOptions { LabelColumns = ["toxic", "threat"] });
        Assert.Equal(["toxic", "threat"], data.LabelNames!);
        Assert.Equal([[0], [], [0, 1]], Sets(data));
        Assert.Equal(["toxic", "threat"], data.Columns.Where(column => column.Role == "label").Select(column => column.Name));
        // Where a model's classes are the columns' names, nobody needs to name them.
        var usual = Several with { Usual = new UsualColumns { Flags = ["threat", "toxic"] }, Labels = data.Labels };
        var found = TextDataset.Load(Path.Combine(_folder.Path, file), usual);
        Assert.Equal(Sets(data), Sets(found));
    }

    [Fact]
    public void Columns_That_Do_Not_Fit_Are_Refused()
    {
        const string text = "text,toxic,threat\na,1,2\n";
        DataOptions Named(params string[] columns) => new() { LabelColumns = columns };
        Assert.Contains("the column 'threat' holds '2', expected 0 or 1", _folder.Refused("a.csv", text, Named("toxic", "threat")));
        Assert.Contains("no column 'x'", _folder.Refused("a.csv", text, Named("x")));
        Assert.Contains("named twice", _folder.Refused("a.csv", text, Named("toxic", "toxic")));
        Assert.Contains("both named", _folder.Refused("a.csv", text, Named("toxic") with { Label = "threat" }));
        Assert.Contains("read as one class", _folder.Refused("a.csv", text, Named("toxic") with { Kind = LabelKind.Class }));
        Assert.Contains(
            "without a header", _folder.Refused("b.csv", "a,1,0\nb,0,1\n", Named("2", "3") with { Text = "1", HasHeader = false }));
    }

    [Fact]
    public void Labels_That_Nobody_Knows_And_Lists_That_Are_None_Are_Bad_Rows()
    {
        var known = Several with { Labels = new LabelMap(["x", "y"]), LabelSeparator = '|' };
        Assert.Contains("line 2: the label 'z' is none of the known ones", _folder.Refused("a.tsv", "text\tlabels\na\tx|z\n", known));
        Assert.Contains("nothing between two separators", _folder.Refused("a.tsv", "text\tlabels\na\tx||y\n", known));
        Assert.Contains("name 'x' twice", _folder.Refused("a.tsv", "text\tlabels\na\tx|x\n", known));
        Assert.Contains("no JSON list", _folder.Refused("a.tsv", "text\tlabels\na\t['x']\n", known));
        Assert.Contains("hold a boolean", _folder.Refused("a.jsonl", "{\"text\":\"a\",\"labels\":[true]}\n"));
        Assert.Contains("no row with a label", _folder.Refused("a.jsonl", "{\"text\":\"a\",\"labels\":[]}\n"));
        var skipping = known with { OnBadRow = OnBadRow.Skip };
        var data = _folder.Load("b.tsv", "text\tlabels\na\tx|z\nb\ty|x\nc\t\n", skipping);
        Assert.Equal([[0, 1], []], Sets(data));
        Assert.Equal(1, data.SkippedRows);
        Assert.Equal([1, 2], data.Examples.Select(row => row.Row));
    }

    [Fact]
    public void Lists_And_Single_Labels_Do_Not_Mix_Unasked()
    {
        const string list = "{\"text\":\"a\",\"labels\":[\"x\"]}\n", single = "{\"text\":\"b\",\"labels\":\"x\"}\n";
        Assert.Contains(
            "line 2: the label field 'labels' holds a string where other rows have lists", _folder.Refused("a.jsonl", list + single));
        Assert.Contains("line 2: the label field 'labels' holds an array", _folder.Refused("b.jsonl", single + list));
        Assert.Equal([[0], [0]], Sets(_folder.Load("c.jsonl", single + list, Several)));
        Assert.Contains(
            "beside single labels",
            Assert.Throws<PeftException>(() => TextDataset.FromRows([new("a", ["x"]), new("b", "x")], "the rows")).Message);
    }

    [Fact]
    public void A_Class_That_All_Rows_Have_Or_None_Is_Remarked()
    {
        var data = _folder.Load("a.csv", "text,p,q,r\na,1,0,1\nb,1,0,0\n", new DataOptions { LabelColumns = ["p", "q", "r"] });
        Assert.Contains("'p' and 'q' hold for all rows or for none", data.Remarks.Single());
    }

    [Fact]
    public async Task Lists_In_Parquet_Are_Sets()
    {
        ListRow[] rows =
        [
            new() { Text = "a", Names = ["x", "y"], Ids = [3, 1], Held = [0, 1, 1] },
            new() { Text = "b", Names = [], Ids = [], Held = [0, 0, 0] },
            new() { Text = "c", Names = ["y"], Ids = [1], Held = [1, 0, 0] },
        ];
        var file = Path.Combine(_folder.Path, "rows.parquet");
        await using (var stream = File.Create(file)) await Parquet.Serialization.ParquetSerializer.SerializeAsync(rows, stream);
        TextDataset Of(string label) => TextDataset.Load(file, new DataOptions { Text = "text", Label = label });
        var names = Of("names");
        Assert.Equal((LabelKind.MultiLabel, "list<string>"), (names.Kind, names.Columns.Single(c => c.Name == "names").Type));
        Assert.Equal(["x", "y"], names.LabelNames!);
        Assert.Equal([[0, 1], [], [1]], Sets(names));
        Assert.Equal(["1", "3"], Of("ids").LabelNames!);
        Assert.Equal([[0, 1], [], [0]], Sets(Of("ids")));
        Assert.Equal([[1, 2], [], [0]], Sets(Of("held")));
        Assert.Contains(
            "holds list<string>, expected numbers",
            Assert.Throws<PeftException>(
                () => TextDataset.Load(file, new DataOptions { Text = "text", Label = "names", Kind = LabelKind.Class })).Message);
    }

    [Fact]
    public void Rows_In_Memory_Have_Lists_Of_Their_Own()
    {
        var data = TextDataset.FromRows(
            [new("a", ["y|z", "x"]), new("b", Array.Empty<string>()), new("c", ["x"], null)], "the rows");
        Assert.Equal((LabelKind.MultiLabel, 2), (data.Kind, data.Labels!.Count));
        Assert.Equal(["x", "y|z"], data.LabelNames!);
        Assert.Equal([[0, 1], [], [0]], Sets(data));
        Assert.Contains("blank", Assert.Throws<PeftException>(() => TextDataset.FromRows([new("a", [" "])], "the rows")).Message);
    }

    [Fact]
    public void Classes_May_Be_Numbered_Anew()
    {
        var data = TextDataset.FromRows([new("a", ["x", "z"]), new("b", ["y"])], "the rows");
        Assert.Equal([[0, 2], [1]], Sets(data.WithLabels(new LabelMap(["z", "y", "x"]))));
        Assert.Equal([[1, 3], [2]], Sets(data.Among(new LabelMap(["w", "x", "y", "z"]))));
    }

    [Fact]
    public void A_Batch_Holds_A_Number_For_Each_Class()
    {
        var rows = Enumerable.Range(0, 4)
            .Select(i => new Example("", null, -1, float.NaN, i + 1, [5, 6, 7]) { Labels = i == 3 ? [] : [i, .. i == 0 ? [2] : (int[])[]] })
            .ToList();
        var data = new TextDataset(rows, LabelKind.MultiLabel, new LabelMap(["p", "q", "r"]), "the rows");
        using var tokens = TokenizedDataset.Create(data, new NoEncoder(), 8);
        using var batch = tokens.CreateBatch([0, 3, 1]);
        Assert.Equal(ScalarType.Float32, batch.Labels!.dtype);
        Assert.Equal([3, 3], batch.Labels.shape);
        Assert.Equal([1f, 0, 1, 0, 0, 0, 0, 1, 0], batch.Labels.data<float>().ToArray());
        // As many classes as tokens: a row keeps all of its numbers.
        using var row = batch.Row(0);
        Assert.Equal([1f, 0, 1], row.Labels!.data<float>().ToArray());
    }

    [Fact]
    public void Rows_In_Files_Give_The_Same_Sets()
    {
        var text = string.Concat(
            Enumerable.Range(0, 300).Select(i => $"{{\"text\":\"row {i}\",\"labels\":[\"c{i % 3}\",\"d{i % 5}\"]}}\n"));
        var memory = _folder.Load("a.jsonl", text);
        using var disk = _folder.Load("a.jsonl", text, new DataOptions { Storage = new() { MemoryBytes = 1000, Folder = _folder.Path } });
        Assert.True(disk.OnDisk);
        Assert.Equal(Sets(memory), Sets(disk));
        Assert.Equal(Sets(memory.Subset([7, 3])), Sets(disk.Subset([7, 3])));
    }

    [Fact]
    public void Parts_Share_Rare_Labels_Whatever_The_Order_Of_Rows()
    {
        var rows = Enumerable.Range(0, 400)
            .Select(i => (Row: i, Common: i % 2 == 0 ? (string[])["common"] : [], Rare: i % 40 == 0 ? (string[])["rare"] : []))
            .Select(row => new LabelledText($"row {row.Row}", [.. row.Common, .. row.Rare]))
            .ToList();
        var data = TextDataset.FromRows(rows, "the rows");
        var parts = DataPartition.Split(data, [0.5, 0.5], seed: 1);
        Assert.All(parts, part => Assert.Equal(5, part.Examples.Count(row => row.Labels!.Contains(1))));
        Assert.All(parts, part => Assert.Equal(100, part.Examples.Count(row => row.Labels!.Contains(0))));
        var turned = DataPartition.Split(TextDataset.FromRows(rows.AsEnumerable().Reverse(), "the rows"), [0.5, 0.5], seed: 1);
        Assert.Equal(parts[0].Examples.Select(row => row.Text).Order(), turned[0].Examples.Select(row => row.Text).Order());
    }

    [Fact]
    public void A_Profile_Counts_Every_Label_And_Rows_Without_One()
    {
        var data = TextDataset.FromRows(
            [new("a", ["x", "y"]), new("b", Array.Empty<string>()), new("c", ["x"]), new("a", ["x"]), new("c", ["x"])], "the rows");
        var profile = DatasetProfile.Of(data);
        Assert.Equal([4, 1], profile.LabelCounts!);
        Assert.Equal((1, 2, 1), (profile.Unlabelled!.Value, profile.Duplicates, profile.Contradictions));
    }

    private static List<int[]> Sets(TextDataset data) => [.. data.Examples.Select(row => row.Labels!.ToArray())];

    private sealed class ListRow
    {
        [JsonPropertyName("text")]
        public string Text { get; set; } = "";

        [JsonPropertyName("names")]
        public List<string> Names { get; set; } = [];

        [JsonPropertyName("ids")]
        public List<int> Ids { get; set; } = [];

        [JsonPropertyName("held")]
        public List<double> Held { get; set; } = [];
    }

    private sealed class NoEncoder : ITextEncoder
    {
        public int PadId => 0;

        public EncodedText Encode(string text, string? pair, int maxLength) => throw new InvalidOperationException();
    }
}
