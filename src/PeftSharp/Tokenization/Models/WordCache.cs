using System.Runtime.InteropServices;

namespace PeftSharp.Tokenization.Models;

/// <summary>Remembers the tokens of words, which natural text repeats. One thread at a time.</summary>
internal sealed class WordCache(ITokenModel model)
{
    private const int LongestWord = 48, MostWords = 1 << 16;

    private readonly Dictionary<string, (int Start, int Count)> words = [];
    private readonly List<TokenPiece> tokens = [], uncached = [];

    /// <summary>The tokens of a word; valid until the next call.</summary>
    public ReadOnlySpan<TokenPiece> Tokenize(ReadOnlySpan<char> word)
    {
        if (word.Length > LongestWord)
        {
            uncached.Clear();
            model.Tokenize(word, uncached);
            return CollectionsMarshal.AsSpan(uncached);
        }
        var lookup = words.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!lookup.TryGetValue(word, out var range))
        {
            if (words.Count == MostWords)
            {
                words.Clear();
                tokens.Clear();
            }
            var start = tokens.Count;
            model.Tokenize(word, tokens);
            range = lookup[word] = (start, tokens.Count - start);
        }
        return CollectionsMarshal.AsSpan(tokens).Slice(range.Start, range.Count);
    }
}
