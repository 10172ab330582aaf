using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Tokenization;

/// <summary>Small files that ask for gigabytes or for hours.</summary>
public sealed class HostileTokenizerTests
{
    [Theory]
    [InlineData("""{ "type": "Replace", "pattern": { "String": "a" }, "content": "aaaaaaaa" }""")]
    [InlineData("""{ "type": "Prepend", "prepend": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"""
        + """aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }""")]
    public void A_Chain_Of_Replacements_Does_Not_Grow_Without_End(string step)
    {
        var tokenizer = TinyTokenizer.Load(json =>
        {
            json["normalizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray([.. Enumerable.Range(0, 60).Select(_ => JsonNode.Parse(step))]),
            };
            json["added_tokens"]![0]!["normalized"] = false;
        });
        Assert.Contains("normalizers make more than", Assert.Throws<PeftException>(() => tokenizer.Encode("a")).Message);
    }

    [Fact]
    public void Lists_Of_Steps_Are_Bounded()
    {
        static JsonArray Many(string item) => new([.. Enumerable.Range(0, 100).Select(_ => JsonNode.Parse(item))]);
        static void Refused(Action<JsonObject> change) =>
            Assert.Contains("array of 100 items", Assert.Throws<PeftException>(() => TinyTokenizer.Load(change)).Message);
        Refused(json => json["normalizer"] = new JsonObject { ["type"] = "Sequence", ["normalizers"] = Many("""{ "type": "NFC" }""") });
        Refused(json => json["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = Many("""{ "type": "Whitespace" }""")
        });
        Refused(json => json["post_processor"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["processors"] = Many("""{ "type": "ByteLevel" }""")
        });
        Refused(json => json["post_processor"] = new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = Many("""{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }"""),
            ["pair"] = new JsonArray(),
            ["special_tokens"] = JsonNode.Parse("""{ "[CLS]": { "id": "[CLS]", "ids": [1], "tokens": ["[CLS]"] } }"""),
        });
    }

    [Fact]
    public void A_Token_Of_Megabytes_Is_Refused() =>
        Assert.Contains(
            "expected at most 1000",
            Assert.Throws<PeftException>(
                () => TinyTokenizer.Load(json => json["added_tokens"]![0]!["content"] = new string('a', 5000))).Message);

    // Thousands of added tokens that begin alike, and a text that begins like them everywhere: once this took minutes.
    [Fact]
    public void Added_Tokens_That_Begin_Alike_Cost_No_More_Than_One()
    {
        var tokenizer = TinyTokenizer.Load(json => json["added_tokens"] = new JsonArray([.. Enumerable.Range(1, 1000).Select(n =>
            JsonNode.Parse($$"""{ "id": {{n + 100}}, "content": "{{new string('a', n - 1)}}#", "special": true }"""))]));
        Assert.NotEmpty(tokenizer.Encode(new string('a', 50_000)).Ids);
        Assert.Contains(105, tokenizer.Encode("aaaa#").Ids);
    }

    [Fact]
    public void A_Word_Of_Megabytes_Is_Encoded() => Assert.Equal([1, 0, 2], TinyTokenizer.Load().Encode(new string('a', 10_000_000)).Ids);

    [Fact]
    public void ATableThatReplacesACharacterByMegabytesIsRefused()
    {
        // Root with its label at once: "a" is a leaf whose text is at the start of the texts.
        var units = new uint[512];
        units[0] = 1u << 10;
        units[1 ^ 'a'] = 'a' | 1u << 8 | 2u << 10;
        units[1 ^ 'a' ^ 2] = 1u << 31;
        var text = Enumerable.Repeat((byte)'x', 1 << 20);
        byte[] table = [.. BitConverter.GetBytes(units.Length * 4), .. units.SelectMany(BitConverter.GetBytes), .. text, 0];
        var tokenizer = TinyTokenizer.Load(file => file["normalizer"] = new System.Text.Json.Nodes.JsonObject
        {
            ["type"] = "Precompiled",
            ["precompiled_charsmap"] = Convert.ToBase64String(table),
        });
        Assert.Equal(2, tokenizer.Encode("b", addSpecialTokens: true).Ids.Length - 1);
        var error = Assert.Throws<PeftException>(() => tokenizer.Encode("a")).Message;
        Assert.Contains("replaces 1 bytes by 1,048,576, above the limit of 128", error);
    }

    [Fact]
    public void ATokenOfManyCharactersIsNotFollowedThroughATextOfThem()
    {
        var longest = new string('a', 1001);
        var model = JsonNode.Parse($$"""{ "type": "Unigram", "unk_id": 0, "vocab": [["[UNK]", 0], ["{{longest}}", -1]] }""");
        var error = Assert.Throws<PeftException>(() => TinyTokenizer.Load(file => file["model"] = model)).Message;
        Assert.Contains("model.vocab[1][0] is a text of 1,001 characters, expected at most 1,000", error);
    }
}
