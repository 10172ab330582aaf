using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Models;

/// <summary>Greedy longest match from the left; a word that can't be covered is one unknown token.</summary>
internal sealed class WordPieceModel : ITokenModel
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> first, later;
    private readonly ushort[] longestFirst, longestLater;
    private readonly int unknownId, longestWord;

    public WordPieceModel(JsonField field, Vocabulary vocabulary)
    {
        var unknown = field.Required("unk_token");
        unknownId = vocabulary.IdOf(unknown.String());
        if (unknownId < 0)
        {
            throw unknown.Error($"{unknown.Describe()}, which is not in the vocabulary", "one of its tokens", "correct it");
        }
        longestWord = field.Optional("max_input_chars_per_word")?.Int(1000) ?? 100;

        var prefix = field.Optional("continuing_subword_prefix")?.String() ?? "##";
        var firstIds = new Dictionary<string, int>(vocabulary.Ids);
        var laterIds = vocabulary.Ids.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(entry => entry.Key[prefix.Length..], entry => entry.Value);
        first = firstIds.GetAlternateLookup<ReadOnlySpan<char>>();
        later = laterIds.GetAlternateLookup<ReadOnlySpan<char>>();
        longestFirst = LongestByFirstUnit(firstIds.Keys, 2 * longestWord);
        longestLater = LongestByFirstUnit(laterIds.Keys, 2 * longestWord);
    }

    public void Tokenize(ReadOnlySpan<char> word, List<TokenPiece> output)
    {
        var count = output.Count;
        if (word.Length > longestWord && CodePoints(word) > longestWord || !Cover(word, output))
        {
            output.RemoveRange(count, output.Count - count);
            output.Add(new TokenPiece(unknownId, 0, word.Length));
        }
    }

    private bool Cover(ReadOnlySpan<char> word, List<TokenPiece> output)
    {
        for (int start = 0, end; start < word.Length; start = end)
        {
            var (lookup, longest) = start == 0 ? (first, longestFirst) : (later, longestLater);
            var id = 0;
            for (end = Math.Min(word.Length, start + longest[word[start]]); end > start; end--)
            {
                if (lookup.TryGetValue(word[start..end], out id))
                {
                    break;
                }
            }
            if (end <= start)
            {
                return false;
            }
            output.Add(new TokenPiece(id, start, end));
        }
        return true;
    }

    // Where no long token begins with a letter, there is no use in looking for one; nor for one longer than any word.
    private static ushort[] LongestByFirstUnit(IEnumerable<string> tokens, int most)
    {
        var longest = new ushort[char.MaxValue + 1];
        foreach (var token in tokens.Where(token => token.Length > 0))
        {
            longest[token[0]] = Math.Max(longest[token[0]], (ushort)Math.Min(token.Length, most));
        }
        return longest;
    }

    private static int CodePoints(ReadOnlySpan<char> word)
    {
        var count = 0;
        foreach (var _ in word.EnumerateRunes())
        {
            count++;
        }
        return count;
    }
}
