using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.PreTokenizers;

namespace PeftSharp.Tests.Tokenization;

public class PreTokenizerTests
{
    // Letters outside the basic plane and the long s are left to the goldens: .NET's classes don't know them.
    private static readonly Gen<string> texts = Gen.Frequency(
        (
            6,
            Gen.OneOf(
                "a", "B", "'s", "'LL", "'", " ", "  ", "\n", "\r", "\t", "\u00A0", "1", "23", "4567", "!", "_", "é", "한", "½", "\u0301")),
        (1, Gen.Char['\u0020', '\u017E'].Select(unit => unit.ToString()))).Array[0, 20].Select(string.Concat);

    [Fact]
    public void TheScannerOfGpt2IsItsPattern() => CheckScanner(new Gpt2Scanner(), Gpt2Scanner.Pattern);

    [Theory]
    [InlineData("{1,3}")]
    [InlineData("")]
    [InlineData("+")]
    public void TheScannerOfCl100kIsItsPattern(string digits)
    {
        var pattern = Cl100kScanner.Pattern.Replace("{1,3}", digits);
        CheckScanner(Cl100kScanner.For(pattern)!, pattern);
    }

    [Theory]
    [InlineData("""{ "type": "Whitespace" }""", "Hey, you_2!? ok", "Hey|,|you_2|!?|ok")]
    [InlineData("""{ "type": "WhitespaceSplit" }""", " a, b\u3000c ", "a,|b|c")]
    [InlineData("""{ "type": "Digits", "individual_digits": true }""", "a12b", "a|1|2|b")]
    [InlineData("""{ "type": "Digits" }""", "a12b", "a|12|b")]
    [InlineData("""{ "type": "Punctuation" }""", "a!?b «", "a|!|?|b |«")]
    [InlineData("""{ "type": "Punctuation", "behavior": "Contiguous" }""", "a!?b «", "a|!?|b |«")]
    [InlineData("""{ "type": "Split", "pattern": { "Regex": "[0-9][0-9][0-9]" }, "behavior": "Isolated" }""", "a12345678", "a|123|456|78")]
    [InlineData("""{ "type": "BertPreTokenizer" }""", "a-b  ç.", "a|-|b|ç|.")]
    [InlineData("""{ "type": "Split", "pattern": { "String": "--" }, "behavior": "Isolated" }""", "a--b--", "a|--|b|--")]
    [InlineData("""{ "type": "Split", "pattern": { "String": "--" }, "behavior": "Removed" }""", "--a--b", "a|b")]
    [InlineData("""{ "type": "ByteLevel" }""", "a b", " a| b")]
    [InlineData("""{ "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, { "type": "ByteLevel" }] }""", "a 1b", " a| 1|b")]
    public void TextIsDivided(string json, string text, string expected)
    {
        using var document = JsonDocument.Parse(json);
        Assert.Equal(expected, string.Join('|', Divide(PreTokenizerReader.Read(JsonField.Root("test.json", document)), text)));
    }

    private static void CheckScanner(WordScanner scanner, string pattern)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant);
        texts.Sample(text => Assert.Equal(regex.Matches(text).Select(match => match.Value), Divide(scanner, text)));
    }

    private static IEnumerable<string> Divide(IPreTokenizer preTokenizer, string text)
    {
        var divided = new PreTokenizedText();
        divided.Text.Reset(text, 0);
        divided.BeginDivision();
        divided.Add(0, text.Length);
        divided.EndDivision();
        preTokenizer.Apply(divided);
        var chars = divided.Text.Chars.ToString();
        return divided.Pieces.Select(piece => chars[piece.Start..piece.End]);
    }
}
