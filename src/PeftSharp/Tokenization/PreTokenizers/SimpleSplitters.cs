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
