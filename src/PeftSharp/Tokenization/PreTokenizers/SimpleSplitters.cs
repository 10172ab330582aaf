using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Drops white space; with <paramref name="words"/>, also parts runs of word characters from runs of others.</summary>
internal sealed class WhitespaceSplitter(bool words) : Splitter
{
    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        int start = 0, size;
        var previous = -1;
        for (var at = 0; at < piece.Length; at += size)
        {
            Rune.DecodeFromUtf16(piece[at..], out var rune, out size);
            var kind = Rune.IsWhiteSpace(rune) ? 0 : words && CharClass.IsWord(rune) ? 2 : 1;
            if (kind != previous)
            {
                if (previous > 0)
                {
                    output.Add(origin + start, origin + at);
                }
                start = at;
                previous = kind;
            }
        }
        if (previous > 0)
        {
            output.Add(origin + start, origin + piece.Length);
        }
    }
}

/// <summary>Sets apart every code point that a rule names, or every run of them.</summary>
internal sealed class IsolatingSplitter(Func<Rune, bool> apart, bool oneByOne) : Splitter
{
    /// <summary>Digits and other numbers.</summary>
    public static IsolatingSplitter Digits(bool oneByOne) => new(Rune.IsNumber, oneByOne);

    /// <summary>Punctuation marks, one by one.</summary>
    public static IsolatingSplitter Punctuation() => new(CharClass.IsPunctuation, oneByOne: true);

    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        int start = 0, size;
        var previous = false;
        for (var at = 0; at < piece.Length; at += size)
        {
            Rune.DecodeFromUtf16(piece[at..], out var rune, out size);
            var found = apart(rune);
            if (found != previous || found && oneByOne)
            {
                output.Add(origin + start, origin + at);
                start = at;
                previous = found;
            }
        }
        output.Add(origin + start, origin + piece.Length);
    }
}

/// <summary>Divides at every occurrence of a string, which is kept as a piece or dropped.</summary>
internal sealed class LiteralSplitter(string pattern, bool keep) : Splitter
{
    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        var start = 0;
        while (piece[start..].IndexOf(pattern) is >= 0 and var found)
        {
            output.Add(origin + start, origin + start + found);
            start += found + pattern.Length;
            if (keep)
            {
                output.Add(origin + start - pattern.Length, origin + start);
            }
        }
        output.Add(origin + start, origin + piece.Length);
    }
}
