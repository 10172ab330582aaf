using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CsCheck;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.PreTokenizers;

namespace PeftSharp.Tests.Tokenization;

/// <summary>
/// Falcon sets digits apart after words have become bytes, and single bytes of some letters with them; here a word keeps its letters whole.
/// Both give the same tokens: the definition is written out over bytes below, merges and all.
/// </summary>
public sealed partial class FalconDivisionTests
{
    // Letters of which the step parts bytes (ò is C3 B2, 첼 is EC B2 BC), numbers that only a step by characters
    // would part (٣, ½), digits.
    private static readonly string[] words =
    [
        "a", "be", "the ", " ", "  ", "\n", "1", "23", "456", "78901", "ò", "ó", "ç", "첼", "는",
        "٣٤", "½", "²", "x²", "😲", "!", "?!", "$5", "...", "'s", "_", "\u00A0",
    ];

    private static readonly Gen<string> texts = Gen.Int[0, words.Length - 1].Select(i => words[i]).Array[0, 25].Select(string.Concat);

    [Fact]
    public void Tokens_Are_Those_Of_The_Definition_Over_Bytes()
    {
        var (vocabulary, merges) = Learnt();
        Assert.True(merges.Count > 60);
        Assert.Contains(merges, merge => merge.Left + merge.Right == "²¼"); // within what the step leaves together
        var tokenizer = TinyTokenizer.LoadText(File(vocabulary, merges));
        texts.Sample(
            text => Assert.Equal(
                Pieces(text).SelectMany(piece => Merged(piece, merges)).Select(token => vocabulary[token]),
                tokenizer.Encode(text, addSpecialTokens: false).Ids),
            seed: "0000KOIa21a2", iter: 3000);
    }

    [Theory]
    [InlineData("Ã", "²")]
    [InlineData("²", "Ã")]
    public void A_Merge_Across_The_Step_Is_Refused(string left, string right)
    {
        var (vocabulary, merges) = Learnt();
        vocabulary[left + right] = vocabulary.Count;
        var e = Assert.Throws<PeftException>(() => TinyTokenizer.LoadText(File(vocabulary, [.. merges, (left, right)])));
        Assert.Contains($"\"{left}\" + \"{right}\"", e.Message);
        Assert.Contains("Digits", e.Message);
    }

    [Theory]
    [InlineData("""{ "type": "Punctuation" }""", "Punctuation\" behind ByteLevel")]
    [InlineData("""{ "type": "Whitespace" }""", "Whitespace\" behind ByteLevel")]
    [InlineData("""{ "type": "Split", "pattern": { "String": " " }, "behavior": "Isolated" }""", "Split\" behind ByteLevel")]
    public void Another_Step_Behind_Bytes_Is_Refused(string step, string said)
    {
        var (vocabulary, merges) = Learnt();
        var file = JsonNode.Parse(File(vocabulary, merges))!;
        file["pre_tokenizer"]!["pretokenizers"]!.AsArray().Add(JsonNode.Parse(step));
        Assert.Contains(said, Assert.Throws<PeftException>(() => TinyTokenizer.LoadText(file.ToJsonString())).Message);
    }

    /// <summary>A tokenizer.json with Falcon's steps and merges that were learnt with them.</summary>
    internal static string File()
    {
        var (vocabulary, merges) = Learnt();
        return File(vocabulary, merges);
    }

    private static string File(Dictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> merges) => new JsonObject
    {
        ["added_tokens"] = new JsonArray(),
        ["pre_tokenizer"] = JsonNode.Parse("""
            {
              "type": "Sequence",
              "pretokenizers": [
                { "type": "Punctuation", "behavior": "Contiguous" },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
                { "type": "Digits", "individual_digits": false },
                { "type": "Split", "pattern": { "Regex": "[0-9][0-9][0-9]" }, "behavior": "Isolated", "invert": false }
              ]
            }
            """),
        ["decoder"] = JsonNode.Parse("""{ "type": "ByteLevel" }"""),
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["vocab"] = new JsonObject(vocabulary.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))),
            ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)$"{merge.Left} {merge.Right}")]),
        },
    }.ToJsonString();

    // Byte-pair encoding learnt on pieces of the definition, the commonest pair first.
    private static (Dictionary<string, int> Vocabulary, List<(string Left, string Right)> Merges) Learnt()
    {
        var random = new Random(7);
        var corpus = string.Concat(Enumerable.Range(0, 4000).Select(_ => words[random.Next(words.Length)]));
        var pieces = Pieces(corpus).Select(piece => piece.Select(unit => unit.ToString()).ToList()).ToList();
        var vocabulary = Enumerable.Range(0, 256).ToDictionary(value => ByteAlphabet.CharOf((byte)value).ToString(), value => value);
        var merges = new List<(string Left, string Right)>();
        while (merges.Count < 120)
        {
            var pairs = pieces.SelectMany(piece => piece.Zip(piece.Skip(1))).GroupBy(pair => pair)
                .OrderByDescending(group => group.Count()).ThenBy(group => group.Key.First + group.Key.Second, StringComparer.Ordinal);
            if (pairs.FirstOrDefault() is not { } most) break;
            merges.Add(most.Key);
            vocabulary.TryAdd(most.Key.First + most.Key.Second, vocabulary.Count);
            foreach (var piece in pieces) Join(piece, most.Key);
        }
        return (vocabulary, merges);
    }

    private static void Join(List<string> piece, (string Left, string Right) pair)
    {
        for (var i = 0; i + 1 < piece.Count; i++)
        {
            if (piece[i] != pair.Left || piece[i + 1] != pair.Right) continue;
            piece[i] += piece[i + 1];
            piece.RemoveAt(i + 1);
        }
    }

    private static List<string> Merged(string piece, List<(string Left, string Right)> merges)
    {
        var parts = piece.Select(unit => unit.ToString()).ToList();
        foreach (var merge in merges) Join(parts, merge);
        return parts;
    }

    // Runs of punctuation; GPT-2's words; their bytes; runs of numbers among the stand-ins; threes of digits.
    private static IEnumerable<string> Pieces(string text) =>
        from run in Cut(text, PunctuationRuns())
        from word in Regex.Matches(run, Gpt2Scanner.Pattern).Select(match => match.Value)
        let bytes = string.Concat(Encoding.UTF8.GetBytes(word).Select(ByteAlphabet.CharOf))
        from part in Cut(bytes, Numbers())
        from piece in Cut(part, Threes())
        select piece;

    private static IEnumerable<string> Cut(string text, Regex apart)
    {
        var at = 0;
        foreach (Match match in apart.Matches(text))
        {
            if (match.Index > at) yield return text[at..match.Index];
            yield return match.Value;
            at = match.Index + match.Length;
        }
        if (at < text.Length) yield return text[at..];
    }

    [GeneratedRegex(@"[\p{P}$+<=>^`|~]+")]
    private static partial Regex PunctuationRuns();

    [GeneratedRegex(@"[\p{N}]+")]
    private static partial Regex Numbers();

    [GeneratedRegex("[0-9][0-9][0-9]")]
    private static partial Regex Threes();
}
