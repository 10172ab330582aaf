using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class JsonTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_Are_Rows_And_Blank_Lines_Are_None()
    {
        var data = _folder.Load(
            "a.jsonl",
            "{\"premise\": \"p\", \"hypothesis\": \"h\\n\\u00e9\", \"label\": \"yes\"}\n\n{\"label\": \"no\", \"hypothesis\": \"i\", "
            + "\"premise\": \"q\"}\n");
        Assert.Equal(new Example("p", "h\né", 1, float.NaN, 1), data.Examples[0] with { File = null, Row = -1 });
        Assert.Equal(new Example("q", "i", 0, float.NaN, 3), data.Examples[1] with { File = null, Row = -1 });
        Assert.Equal(["no", "yes"], data.LabelNames);
    }

    [Theory]
    [InlineData("1", "0", LabelKind.Class)]
    [InlineData("true", "false", LabelKind.Class)]
    [InlineData("1.0", "0", LabelKind.Regression)]
    [InlineData("\"1\"", "\"0\"", LabelKind.Class)]
    [InlineData("-1", "-1", LabelKind.None)]
    public void Label_Kind_Is_Told_From_The_Values(string first, string second, LabelKind kind) =>
        Assert.Equal(
            kind, _folder.Load("a.jsonl", $"{{\"text\": \"a\", \"label\": {first}}}\n{{\"text\": \"b\", \"label\": {second}}}").Kind);

    [Fact]
    public void An_Array_Of_Objects_Is_Read_With_Its_Lines()
    {
        var data = _folder.Load("a.json", "\uFEFF [\n  {\"text\": \"a\",\n   \"label\": 0},\n  {\"text\": \"b\", \"label\": 1}\n]\n");
        Assert.Equal([("a", 2), ("b", 4)], data.Examples.Select(e => (e.Text, e.Line)));
        Assert.Contains("line 3: not valid JSON", _folder.Refused("a.json", "[{\"text\": \"a\",\n\"label\": 0},\n{\"text\" \"b\"}]"));
    }

    [Theory]
    [InlineData("{\"text\": \"b\", \"label\": 1", "not valid JSON at byte")]
    [InlineData("[1, 2]", "a JSON array found, expected an object")]
    [InlineData("{\"label\": 1}", "the field 'text' is missing")]
    [InlineData("{\"text\": 5, \"label\": 1}", "the field 'text' holds a number, expected a string")]
    [InlineData("{\"text\": null, \"label\": 1}", "the field 'text' holds a null, expected a string")]
    [InlineData("{\"text\": \"\", \"label\": 1}", "the text in the field 'text' is empty")]
    [InlineData("{\"text\": \"\\ud800\", \"label\": 1}", "half of a surrogate pair")]
    [InlineData("{\"text\": \"b\"}", "the label field 'label' is missing")]
    [InlineData("{\"text\": \"b\", \"label\": null}", "the label field 'label' is missing")]
    [InlineData("{\"text\": \"b\", \"label\": [1]}", "the label field 'label' holds an array")]
    [InlineData("{\"text\": \"b\", \"label\": \"x\"}", "the label 'x' is not a number")]
    public void Bad_Rows_Name_Line_And_Field(string row, string expected)
    {
        var text = "{\"text\": \"a\", \"label\": 0}\n" + row + "\n{\"text\": \"c\", \"label\": 1}\n";
        Assert.Contains("line 2: ", _folder.Refused("a.jsonl", text));
        Assert.Contains(expected, _folder.Refused("a.jsonl", text));
        var data = _folder.Load("a.jsonl", text, new DataOptions { OnBadRow = OnBadRow.Skip });
        Assert.Equal((2, 1), (data.Count, data.SkippedRows));
    }

    [Fact]
    public void Invalid_Utf8_Names_Line_And_Byte() =>
        Assert.Contains("line 1: byte 11 (0xFF)", _folder.Refused("a.jsonl", [.. "{\"text\": \""u8, 0xFF, .. "\"}\n"u8]));

    [Fact]
    public void Invalid_Utf8_In_An_Array_Names_The_Line() =>
        Assert.Contains("line 2: the field 'text' holds text that is not valid UTF-8",
            _folder.Refused("a.json", [.. "[{\"text\": \"a\"},\n{\"text\": \""u8, 0xFF, .. "\"}]\n"u8]));

    [Theory]
    [InlineData("\" b \"", "b")]
    [InlineData("\"\\u00e9\"", "é")]
    public void Label_Names_Are_Trimmed(string label, string name) =>
        Assert.Contains(name, _folder.Load("a.jsonl", $"{{\"text\": \"a\", \"label\": {label}}}\n").LabelNames!);

    [Fact]
    public void Token_Ids_Come_Without_Their_Padding()
    {
        var data = _folder.Load("a.jsonl",
            "{\"input_ids\": [0, 0, 5, 6], \"attention_mask\": [0, 0, 1, 1], \"token_type_ids\": [0, 0, 0, 1], \"label\": "
            + "1}\n{\"input_ids\": [7], \"label\": 0}\n");
        Assert.Equal([5, 6], data.Examples[0].InputIds!);
        Assert.Equal([0, 1], data.Examples[0].TypeIds!);
        Assert.Equal([7], data.Examples[1].InputIds!);
        Assert.Equal([1, 0], data.Examples.Select(e => e.Label));
    }

    [Theory]
    [InlineData("{\"text\": \"a\"}", "'input_ids' is missing")]
    [InlineData("{\"input_ids\": []}", "'input_ids' is empty")]
    [InlineData("{\"input_ids\": \"5\"}", "'input_ids' holds a string, expected an array")]
    [InlineData("{\"input_ids\": [5, -1]}", "element 2 of 'input_ids' is '-1'")]
    [InlineData("{\"input_ids\": [5, 1.5]}", "element 2 of 'input_ids' is '1.5'")]
    [InlineData("{\"input_ids\": [5, 6], \"attention_mask\": [1]}", "'attention_mask' holds 1 numbers for the 2")]
    [InlineData("{\"input_ids\": [5, 6], \"token_type_ids\": [0, 0, 1]}", "'token_type_ids' holds 3 numbers for the 2")]
    [InlineData("{\"input_ids\": [5, 6], \"token_type_ids\": [0, 256]}", "'token_type_ids' holds a number above 255")]
    [InlineData("{\"input_ids\": [5, 6, 7], \"attention_mask\": [1, 0, 1]}", "'attention_mask' holds something other than a run of 1s")]
    [InlineData("{\"input_ids\": [5, 6], \"attention_mask\": [0, 0]}", "'attention_mask' holds no 1")]
    public void Bad_Token_Rows_Are_Refused(string row, string expected) =>
        Assert.Contains("line 2: " + expected, _folder.Refused("a.jsonl", "{\"input_ids\": [1]}\n" + row).Replace("the field ", ""));
}
