using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Sets apart every code point that a rule names, or every run of them.</summary>
internal sealed class IsolatingSplitter(Func<Rune, bool> apart, bool oneByOne) : Splitter
{
    /// <summary>Digits and other numbers.</summary>
    public static IsolatingSplitter Digits(bool oneByOne) => new(Rune.IsNumber, oneByOne);

    /// <summary>Punctuation marks, one by one or in runs.</summary>
    public static IsolatingSplitter Punctuation(bool oneByOne) => new(CharClass.IsPunctuation, oneByOne);

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
