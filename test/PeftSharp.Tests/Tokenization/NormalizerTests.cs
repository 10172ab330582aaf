using System.Text.Json;
using CsCheck;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Normalizers;

namespace PeftSharp.Tests.Tokenization;

public class NormalizerTests
{
    [Theory]
    [InlineData("""{ "type": "NFC" }""", "e\u0301 \u1112\u1161\u11AB \u212B \u0958 a\u0316\u0300",
        "\u00E9 \uD55C \u00C5 \u0915\u093C \u00E0\u0316")]
    [InlineData("""{ "type": "NFD" }""", "\u00E9\uD55C\uAC00\u1E69\u0344",
        "e\u0301\u1112\u1161\u11AB\u1100\u1161s\u0323\u0307\u0308\u0301")]
    [InlineData("""{ "type": "NFKC" }""", "\uFB01 \u2460 \uFF76\uFF9E \u1E9B\u0323", "fi 1 \u30AC \u1E69")]
    [InlineData("""{ "type": "NFKD" }""", "\u00BD\u2167\uD835\uDD18", "1\u20442VIIIU")]
    [InlineData("""{ "type": "Lowercase" }""", "ÀΣ\u0130\uD801\uDC00", "àσi\u0307\uD801\uDC28")]
    [InlineData("""{ "type": "StripAccents" }""", "e\u0301\u20DDé", "eé")]
    [InlineData("""{ "type": "Strip", "strip_right": false }""", " \n a ", "a ")]
    [InlineData("""{ "type": "Prepend", "prepend": "__" }""", "ab", "__ab")]
    [InlineData("""{ "type": "Replace", "pattern": { "String": "''" }, "content": "\"" }""", "''a'''", "\"a\"'")]
    [InlineData("""{ "type": "Sequence", "normalizers": [{ "type": "NFD" }, { "type": "StripAccents" }] }""", "Żółć", "Zołc")]
    [InlineData("""{ "type": "BertNormalizer", "lowercase": false }""", "É\u00A0\u200B\u0000日x\t", "É  日 x ")]
    [InlineData("""{ "type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": false }""", "É\t\u0001日", "e\t\u0001日")]
    public void TextIsRewritten(string json, string text, string expected) => Assert.Equal(expected, Normalize(json, text));

    [Fact]
    public void FormsAgreeWithEachOther()
    {
        var texts = Gen.Frequency(
            (3, Gen.Int[0x20, 0x36F]), (1, Gen.Int[0x1100, 0x11FF]), (1, Gen.Int[0x900, 0x2FFF]), (1, Gen.Int[0xAC00, 0xD7A3]),
            (1, Gen.Int[0x10000, 0x1FFFF])).Select(char.ConvertFromUtf32).Array[0, 12].Select(string.Concat);
        texts.Sample(text =>
        {
            var (composed, decomposed) = (Normalize("""{ "type": "NFC" }""", text), Normalize("""{ "type": "NFD" }""", text));
            Assert.Equal(composed, Normalize("""{ "type": "NFC" }""", decomposed));
            Assert.Equal(composed, Normalize("""{ "type": "NFC" }""", composed));
            Assert.Equal(decomposed, Normalize("""{ "type": "NFD" }""", composed));
            Assert.Equal(Normalize("""{ "type": "NFKD" }""", text),
                Normalize("""{ "type": "NFKD" }""", Normalize("""{ "type": "NFKC" }""", text)));
        });
    }

    private static string Normalize(string json, string text)
    {
        using var document = JsonDocument.Parse(json);
        var normalized = new NormalizedText();
        normalized.Reset(text, 0);
        NormalizerReader.Read(JsonField.Root("test.json", document)).Normalize(normalized);
        return normalized.Chars.ToString();
    }
}
