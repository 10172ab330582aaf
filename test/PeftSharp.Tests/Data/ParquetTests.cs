using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class ParquetTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Fixture(string name) => TestPaths.Fixture("data", name);

    private static string Refused(string path, DataOptions? options = null) =>
        Assert.Throws<PeftException>(() => TextDataset.Load(path, options)).Message;

    [Fact]
    public void Texts_And_Class_Names_Come_From_All_Row_Groups()
    {
        var data = TextDataset.Load(Fixture("labelled.parquet"));
        string[] words = ["lamp", "cave", "Sonne", "밤", "é", "moon"];
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"the {words[i % 6]} of row {i}"), data.Examples.Select(e => e.Text));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => i % 2), data.Examples.Select(e => e.Label));
        Assert.Equal(["dull", "bright"], data.LabelNames!); // not in ordinal order: the metadata says so
        Assert.Equal(Enumerable.Range(1, 20), data.Examples.Select(e => e.Line));
        Assert.Equal(
            [
                ("text", "string", "text"), ("label", "int64", "label"), ("stars", "float64", null), ("long", "bool", null),
                ("idx", "int32", null),
            ],
            data.Columns.Select(c => (c.Name, c.Type, c.Role)));
    }

    [Fact]
    public void Floats_Are_Targets_And_Booleans_And_Integers_Are_Classes()
    {
        var stars = TextDataset.Load(Fixture("labelled.parquet"), new DataOptions { Text = "text", Label = "stars" });
        Assert.Equal(LabelKind.Regression, stars.Kind);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => i / 4f), stars.Examples.Select(e => e.Target));
        var flags = TextDataset.Load(Fixture("labelled.parquet"), new DataOptions { Text = "text", Label = "long" });
        Assert.Equal(["false", "true"], flags.LabelNames!);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => i % 3 == 0 ? 1 : 0), flags.Examples.Select(e => e.Label));
        Assert.Equal(20, TextDataset.Load(Fixture("labelled.parquet"), new DataOptions { Text = "text", Label = "idx" }).Labels!.Count);
        Assert.Equal(["0", "1"], TextDataset.Load(Fixture("plain.parquet")).LabelNames!);
    }

    [Theory]
    [InlineData("bright", "dull", 1, 0)] // the same names in another order
    [InlineData("neg", "pos", 0, 1)] // other names: the numbers are what is left
    public void A_Models_Labels_Go_Before_The_Files(string first, string second, int ofDull, int ofBright)
    {
        var data = TextDataset.Load(Fixture("labelled.parquet"), new DataOptions { Labels = new LabelMap([first, second]) });
        Assert.Equal([ofDull, ofBright], data.Examples.Take(2).Select(e => e.Label));
    }

    [Fact]
    public void Lists_Of_Token_Ids_Lose_Their_Padding()
    {
        var data = TextDataset.Load(Fixture("tokens.parquet"));
        Assert.Equal(["no", "yes"], data.LabelNames!);
        for (var i = 0; i < 6; i++)
        {
            var real = 3 + i % 4;
            Assert.Equal(Enumerable.Range(100 + 10 * i, real), data.Examples[i].InputIds!);
            Assert.Equal(Enumerable.Range(0, real).Select(k => k > 1 ? 1 : 0), data.Examples[i].TypeIds!);
        }
    }

    [Fact]
    public void Nulls_Are_Bad_Rows_That_Can_Be_Left_Out()
    {
        var options = new DataOptions { Text = "text" };
        Assert.Contains("nulls.parquet, row 2: the column 'text' holds nothing", Refused(Fixture("nulls.parquet"), options));
        var data = TextDataset.Load(Fixture("nulls.parquet"), options with { OnBadRow = OnBadRow.Skip });
        Assert.Equal(["one", "four", "five"], data.Examples.Select(e => e.Text));
        Assert.Contains("row 3: the label in column 'label' is empty", data.Problems[1]);
        var lists = TextDataset.Load(Fixture("nulls.parquet"), new DataOptions { Kind = LabelKind.None, OnBadRow = OnBadRow.Skip });
        Assert.Equal([[7], [7, 8, 9]], lists.Examples.Select(e => e.InputIds!));
        string[] expected =
            ["row 1: 'input_ids' is empty", "row 3: the field 'input_ids' is missing", "row 5: element 3 of 'input_ids' is missing"];
        foreach (var (problem, start) in lists.Problems.Zip(expected)) Assert.Contains($"nulls.parquet, {start}", problem);
        Assert.Equal(3, lists.SkippedRows);
    }

    [Fact]
    public void Bytes_Are_Text_If_They_Are_Utf8()
    {
        Assert.Contains(
            "row 3: the column 'raw' holds nothing, or bytes that are not UTF-8",
            Refused(Fixture("plain.parquet"), new DataOptions { Text = "raw" }));
        var data = TextDataset.Load(Fixture("plain.parquet"), new DataOptions { Text = "raw", OnBadRow = OnBadRow.Skip });
        Assert.Equal(["ü0", "ü1", "ü3"], data.Examples.Select(e => e.Text));
    }

    [Fact]
    public void Columns_Of_Other_Types_Are_Refused_By_Name_And_Type()
    {
        Assert.Contains(
            "the column 'idx' holds int32, expected strings", Refused(Fixture("labelled.parquet"), new DataOptions { Text = "idx" }));
        Assert.Contains(
            "the column 'when' holds datetime", Refused(Fixture("nulls.parquet"), new DataOptions { Text = "text", Label = "when" }));
        Assert.Contains(
            "there is no column 'body' among the columns 'text', 'label'",
            Refused(Fixture("labelled.parquet"), new DataOptions { Text = "body" }));
    }

    [Theory]
    [InlineData("text in a file of another name\n", "does not start with PAR1")]
    [InlineData("PAR1", "is cut")]
    [InlineData("PAR1\0\0\0\0\0\0\0\0PAR1", "is damaged")]
    public void What_Is_No_Parquet_File_Is_Told(string content, string expected) =>
        Assert.Contains(expected, _folder.Refused("a.parquet", content));

    [Fact]
    public void A_File_Cut_Anywhere_Is_Refused_In_One_Sentence()
    {
        var bytes = File.ReadAllBytes(Fixture("labelled.parquet"));
        foreach (var length in Enumerable.Range(1, 40).Select(i => bytes.Length * i / 41))
            Assert.Contains("is cut", _folder.Refused("cut.parquet", bytes[..length]));
    }

    [Fact]
    public void A_Damaged_File_Is_Read_Or_Refused_But_Never_Breaks_The_Program()
    {
        var bytes = File.ReadAllBytes(Fixture("labelled.parquet"));
        var random = new SeededRandom(5);
        var refused = 0;
        for (var trial = 0; trial < 400; trial++)
        {
            var damaged = (byte[])bytes.Clone();
            for (var i = 0; i < 3; i++) damaged[4 + random.Next(bytes.Length - 8)] = (byte)random.Next(256);
            var path = _folder.Write("damaged.parquet", damaged);
            try
            {
                TextDataset.Load(path);
            }
            catch (PeftException e)
            {
                refused++;
                Assert.Contains("damaged.parquet", e.Message);
            }
        }
        Assert.InRange(refused, 50, 400);
    }

    [Fact]
    public void A_Footer_Longer_Than_The_File_Is_Refused() =>
        Assert.Contains(
            "say that 4,294,967,295 bytes of metadata",
            _folder.Refused("a.parquet", [.. "PAR1"u8, .. new byte[20], 0xFF, 0xFF, 0xFF, 0xFF, .. "PAR1"u8]));
}
