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

/// <summary>What becomes of a separator, under the names of tokenizer.json.</summary>
internal enum Separator
{
    /// <summary>A piece of its own.</summary>
    Isolated,

    /// <summary>Dropped.</summary>
    Removed,

    /// <summary>The end of the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>The beginning of the piece after it.</summary>
    MergedWithNext,
}

/// <summary>Divides at every occurrence of a string.</summary>
internal sealed class LiteralSplitter(string pattern, Separator separator) : Splitter
{
    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        var (start, from) = (0, 0);
        while (piece[from..].IndexOf(pattern) is >= 0 and var found)
        {
            var (at, end) = (from + found, from + found + pattern.Length);
            output.Add(origin + start, origin + (separator == Separator.MergedWithPrevious ? end : at));
            if (separator == Separator.Isolated)
            {
                output.Add(origin + at, origin + end);
            }
            start = separator == Separator.MergedWithNext ? at : end;
            from = end;
        }
        output.Add(origin + start, origin + piece.Length);
    }
}
