using System.Buffers;
using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost first, the longest of those that begin together.</summary>
internal sealed class AddedTokenMatcher
{
    // A tree of characters: however many tokens begin alike, a place in a text is looked at once.
    private readonly Dictionary<(int Node, char Unit), int> edges = [];
    private readonly Dictionary<int, AddedToken> ends = [];
    private readonly SearchValues<char> firstUnits;

    /// <param name="tokens">Each token with the text that it is looked for as.</param>
    public AddedTokenMatcher(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        foreach (var (text, token) in tokens)
        {
            var node = 0;
            foreach (var unit in text)
            {
                node = edges.TryGetValue((node, unit), out var next) ? next : edges[(node, unit)] = edges.Count + 1;
            }
            ends[node] = token;
        }
        firstUnits = SearchValues.Create([.. edges.Keys.Where(edge => edge.Node == 0).Select(edge => edge.Unit)]);
    }

    /// <summary>
    /// The next token at or after <paramref name="from"/>, with the units [start, end) that it takes, white space included.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="end">Where it ends.</param>
    /// <param name="said">Units in which no special token is found; empty for none.</param>
    public AddedToken? Next(ReadOnlySpan<char> text, int from, out int start, out int end, ReadOnlySpan<bool> said = default)
    {
        for (var at = from; text[at..].IndexOfAny(firstUnits) is >= 0 and var skipped; at++)
        {
            at += skipped;
            if (LongestAt(text, at, out var length) is { } token)
            {
                (start, end) = (at, at + length);
                if (token.Special && !said.IsEmpty && said[start..end].Contains(true))
                {
                    continue;
                }
                if (token.SingleWord && (TouchesWord(text[..start]) || end < text.Length && CharClass.IsWord(CharClass.RuneAt(text, end))))
                {
                    at = end - 1;
                    continue;
                }
                if (token.StripLeft)
                {
                    start = from + text[from..start].TrimEnd().Length;
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
        AddedToken? found = null;
        length = 0;
        for (int node = 0, next = at; next < text.Length && edges.TryGetValue((node, text[next]), out node); next++)
        {
            if (ends.TryGetValue(node, out var token))
            {
                (found, length) = (token, next + 1 - at);
            }
        }
        return found;
    }

    private static bool TouchesWord(ReadOnlySpan<char> before) =>
        Rune.DecodeLastFromUtf16(before, out var rune, out _) == OperationStatus.Done && CharClass.IsWord(rune);
}
