using System.Text;
using PeftSharp.Files.Json;

namespace PeftSharp.Tests.Files.Json;

public sealed class StrictJsonTests
{
    private static readonly JsonSource Source = new("x.json", "restore it");

    [Theory]
    [InlineData("{\"a\": {\"b\": 1,\n \"b\": 2}}", "x.json, line 2: $.a.b is there twice")]
    [InlineData("{\"a\": 1, \"\\u0061\": 2}", "$.a is there twice")]
    [InlineData("{\"a\": [1, \"\\ud800\"]}", "$.a[1] holds half a surrogate pair")]
    [InlineData("{\"\\udc00\": 1}", "holds half a surrogate pair")]
    [InlineData("{\"a\": 1e999}", "$.a is 1e999; expected a number that fits")]
    [InlineData("{\"a\": [-1e400]}", "$.a[0] is -1e400")]
    [InlineData("{\"a\": NaN}", "$.a is NaN, for which JSON has no number")]
    [InlineData("{\n\"a\": -Infinity}", "line 2: $.a is -Infinity")]
    [InlineData("{} x", "is not JSON at line 1, byte 4")]
    [InlineData("{}\0", "is not JSON")]
    [InlineData("{\"a\": 1 // b\n}", "is not JSON")]
    [InlineData("{\"a\": 1,}", "is not JSON")]
    [InlineData("{\"a\"", "is not JSON")]
    [InlineData("", "is not JSON at line 1")]
    [InlineData("[]", "holds no JSON object")]
    [InlineData("\"../../etc/passwd\"", "holds no JSON object")]
    [InlineData("null", "holds no JSON object")]
    public void What_Would_Surface_Late_Is_Found_When_It_Is_Read(string json, string said)
    {
        var message = Assert.Throws<PeftException>(() => StrictJson.Object(Source, Encoding.UTF8.GetBytes(json))).Message;
        Assert.Contains(said, message);
        Assert.StartsWith("x.json", message);
        Assert.EndsWith("; restore it.", message);
    }

    [Fact]
    public void Bounds_Hold()
    {
        static string Refused(string json, JsonBounds bounds) =>
            Assert.Throws<PeftException>(() => StrictJson.Object(Source, Encoding.UTF8.GetBytes(json), bounds)).Message;
        Assert.Contains("lies deeper than 4", Refused("""{"a":[[[[1]]]]}""", new() { Depth = 4 }));
        Assert.Contains("lies deeper than 64", Refused($"{{\"a\":{new string('[', 100_000)}", new()));
        Assert.Contains("after 3 values", Refused("""{"a":[1,2,3]}""", new() { Values = 3 }));
        Assert.Contains("5 bytes long", Refused("""{"a":"12345"}""", new() { Text = 4 }));
        Assert.Contains("more than the 4", Refused("""{"a":1}""", new() { Bytes = 4 }));
    }

    [Fact]
    public void Broken_Utf8_Is_Refused_With_Its_Line() =>
        Assert.Contains(
            "is not UTF-8 in line 2",
            Assert.Throws<PeftException>(() => StrictJson.Object(Source, [.. "{\n\"a\": \""u8, 0xff, .. "\"}"u8])).Message);

    [Fact]
    public void What_Is_Allowed_Is_Read()
    {
        var json = StrictJson.Object(
            Source,
            Encoding.UTF8.GetBytes(
                "\uFEFF{\"a\": [1, 2.5, 1000000000000000019884624838656], \"b\": {\"a\": \"\\ud83d\\ude00\"}, \"c\": null}\n"));
        Assert.Equal("😀", json["b"]!["a"]!.GetValue<string>());
        Assert.Equal(3, json["a"]!.AsArray().Count);
    }

    [Fact]
    public void Fields_Are_Read_By_Kind()
    {
        var json = StrictJson.Object(Source, """{"n": 3, "x": 0.5, "t": "a", "f": true, "l": ["a", 1], "o": {"n": "3"}, "z": null}"""u8);
        var fields = new JsonFields(Source, json);
        Assert.Equal(
            (3, 0.5, "a", true, null), (fields.Int("n"), fields.Number("x"), fields.Text("t"), fields.Flag("f"), fields.Text("z")));
        Assert.Contains("$.l[1] is 1; expected a text", Assert.Throws<PeftException>(() => fields.Texts("l")).Message);
        Assert.Contains(
            "$.o.n is \"3\"; expected a whole number", Assert.Throws<PeftException>(() => fields.Object("o")!.Int("n")).Message);
        Assert.Contains("$.n is 3; expected a whole number from 4 to 9", Assert.Throws<PeftException>(() => fields.Int("n", 4, 9)).Message);
        Assert.Contains("$.t is \"a\"; expected an object", Assert.Throws<PeftException>(() => fields.Object("t")).Message);
    }
}
