using System.Text.Json;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

/// <summary>What the reference tokenizers make of the same texts.</summary>
internal static class Goldens
{
    /// <summary>Checks every golden of a file and lists all that differ.</summary>
    public static void Check(Tokenizer tokenizer, string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var wrong = new List<string>();
        foreach (var golden in document.RootElement.GetProperty("goldens").EnumerateArray())
        {
            CheckText(tokenizer, golden, wrong);
        }
        if (document.RootElement.TryGetProperty("pairs", out var pairs))
        {
            foreach (var pair in pairs.EnumerateArray())
            {
                CheckPair(tokenizer, pair, wrong);
            }
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} differ:\n{string.Join('\n', wrong.Take(10))}");
    }

    /// <summary>The texts of a file.</summary>
    public static List<string> Texts(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        return [.. document.RootElement.GetProperty("goldens").EnumerateArray().Select(golden => golden.GetProperty("text").GetString()!)];
    }

    /// <summary>Decodes every golden token by token: the same text, and no piece of it ends inside a character.</summary>
    public static void CheckStream(Tokenizer tokenizer, string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var wrong = new List<string>();
        foreach (var golden in document.RootElement.GetProperty("goldens").EnumerateArray())
        {
            var text = golden.GetProperty("text").GetString()!;
            var ids = Numbers(golden.GetProperty("ids_plain"));
            var stream = tokenizer.DecodeStream(skipSpecialTokens: false);
            var pieces = ids.Select(stream.Add).Append(stream.Finish()).ToList();
            Compare(text, "streamed", golden.GetProperty("decoded").GetString()!, string.Concat(pieces), wrong);
            Assert.All(pieces, piece => Assert.DoesNotContain(piece, unit => char.IsSurrogate(unit) && !IsPaired(piece)));
            if (!text.Contains('\uFFFD'))
            {
                Assert.All(pieces, piece => Assert.DoesNotContain('\uFFFD', piece));
            }
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} differ:\n{string.Join('\n', wrong.Take(10))}");
    }

    private static bool IsPaired(string text) => text.EnumerateRunes().All(rune => rune.Value != 0xFFFD) || text.Contains('\uFFFD');

    private static void CheckText(Tokenizer tokenizer, JsonElement golden, List<string> wrong)
    {
        var text = golden.GetProperty("text").GetString()!;
        var plain = Numbers(golden.GetProperty("ids_plain"));
        Compare(text, "plain ids", plain, tokenizer.Encode(text, addSpecialTokens: false).Ids, wrong);
        Compare(text, "decoded", golden.GetProperty("decoded").GetString()!, tokenizer.Decode(plain, skipSpecialTokens: false), wrong);
        // SentencePiece itself knows no special tokens around a text.
        if (!golden.TryGetProperty("ids", out var whole))
        {
            return;
        }
        var encoding = tokenizer.Encode(text);
        var ids = Numbers(whole);
        Compare(text, "ids", ids, encoding.Ids, wrong);
        Compare(text, "offsets", golden.GetProperty("offsets").EnumerateArray()
            .Select(offset => (offset[0].GetInt32(), offset[1].GetInt32())),
            encoding.Offsets, wrong);
        Compare(text, "decoded without special tokens", golden.GetProperty("decoded_skip_special").GetString()!,
            tokenizer.Decode(ids), wrong);
    }

    private static void CheckPair(Tokenizer tokenizer, JsonElement golden, List<string> wrong)
    {
        var (first, second) = (golden.GetProperty("first").GetString()!, golden.GetProperty("second").GetString()!);
        var encoding = tokenizer.Encode(first, second, maxLength: golden.GetProperty("max_length").GetInt32());
        Compare($"{first} | {second}", "ids", Numbers(golden.GetProperty("ids")), encoding.Ids, wrong);
        if (golden.GetProperty("token_type_ids") is { ValueKind: JsonValueKind.Array } types)
        {
            Compare($"{first} | {second}", "type ids", Numbers(types), encoding.TypeIds, wrong);
        }
    }

    private static void Compare<T>(string text, string what, IEnumerable<T> expected, IEnumerable<T> actual, List<string> wrong)
    {
        if (!expected.SequenceEqual(actual))
        {
            wrong.Add($"{what} of {JsonSerializer.Serialize(text)}: expected {Join(expected)}, got {Join(actual)}");
        }
    }

    private static string Join<T>(IEnumerable<T> values) => values is IEnumerable<char> text
        ? JsonSerializer.Serialize(string.Concat(text)) : string.Join(' ', values);

    private static int[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(number => number.GetInt32())];
}
