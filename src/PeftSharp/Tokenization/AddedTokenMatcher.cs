using System.Buffers;
using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost first, the longest of those that begin together.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<string, AddedToken> tokens = [];
    private readonly Dictionary<char, int[]> lengths;
    private readonly SearchValues<char> firstUnits;

    /// <param name="tokens">Each token with the text that it is looked for as.</param>
    public AddedTokenMatcher(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        foreach (var (text, token) in tokens)
        {
            this.tokens[text] = token;
        }
        lengths = this.tokens.Keys.GroupBy(text => text[0]).ToDictionary(group => group.Key,
            group => group.Select(text => text.Length).Distinct().OrderDescending().ToArray());
        firstUnits = SearchValues.Create([.. lengths.Keys]);
    }

    /// <summary>
    /// The next token at or after <paramref name="from"/>, with the units [start, end) that it takes, white space included.
    /// </summary>
    public AddedToken? Next(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (var at = from; text[at..].IndexOfAny(firstUnits) is >= 0 and var skipped; at++)
        {
            at += skipped;
            if (LongestAt(text, at, out var length) is { } token)
            {
                (start, end) = (at, at + length);
                if (token.SingleWord && (TouchesWord(text[..start]) || end < text.Length && CharClass.IsWord(CharClass.RuneAt(text, end))))
                {
                    at = end - 1;
                    continue;
                }
                if (token.StripLeft)
                {
                    start = Math.Max(from, text[..start].TrimEnd().Length);
                }
                if (token.StripRight)
                {
                    end = text.Length - text[end..].TrimStart().Length;
                }
                return token;
            }
        }
        start = end = text.Length;
        return null;
    }

    private AddedToken? LongestAt(ReadOnlySpan<char> text, int at, out int length)
    {
        var lookup = tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var candidate in lengths[text[at]])
        {
            if (at + candidate <= text.Length && lookup.TryGetValue(text.Slice(at, candidate), out var token))
            {
                length = candidate;
                return token;
            }
        }
        length = 0;
        return null;
    }

    private static bool TouchesWord(ReadOnlySpan<char> before) =>
        Rune.DecodeLastFromUtf16(before, out var rune, out _) == OperationStatus.Done && CharClass.IsWord(rune);
}
