using System.Buffers;
using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Drops white space and sets each punctuation mark apart.</summary>
internal sealed class BertPreTokenizer : Splitter
{
    // Letters and digits never end a word, so that most of a text is passed over a word at a time.
    private static readonly SearchValues<char> inner = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        var start = 0;
        for (var at = 0; at < piece.Length;)
        {
            var run = piece[at..].IndexOfAnyExcept(inner);
            if (run < 0)
            {
                break;
            }
            at += run;
            Rune.DecodeFromUtf16(piece[at..], out var rune, out var size);
            if (CharClass.IsBoundary(rune))
            {
                output.Add(origin + start, origin + at);
                start = at + size;
                if (!Rune.IsWhiteSpace(rune))
                {
                    output.Add(origin + at, origin + start);
                }
            }
            at += size;
        }
        output.Add(origin + start, origin + piece.Length);
    }
}
