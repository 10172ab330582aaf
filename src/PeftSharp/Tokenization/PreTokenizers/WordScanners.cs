using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>A regular expression that covers any text, written out by hand: each match becomes a piece.</summary>
internal abstract class WordScanner : Splitter
{
    /// <summary>How long the match at the start of <paramref name="text"/> is; at least 1.</summary>
    protected abstract int Match(ReadOnlySpan<char> text);

    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        for (var at = 0; at < piece.Length;)
        {
            var length = Match(piece[at..]);
            output.Add(origin + at, origin + at + length);
            at += length;
        }
    }

    /// <summary>Length of <c>'s|'t|'re|'ve|'m|'ll|'d</c> at the start of the text; 0 if there is none.</summary>
    protected static int Contraction(ReadOnlySpan<char> text, bool ignoreCase)
    {
        if (text.Length < 2 || text[0] != '\'')
        {
            return 0;
        }
        var first = Fold(text[1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }
        var second = text.Length > 2 ? Fold(text[2], ignoreCase) : '\0';
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    /// <summary>Length of <c>\s+(?!\S)|\s+</c>: white space but for the last one before a word.</summary>
    protected static int Spaces(ReadOnlySpan<char> text)
    {
        var run = CharClass.RunEnd(text, 0, CharKind.Space);
        return run == text.Length || run == 1 ? run : run - 1;
    }

    // U+017F (long s) is the one other code point that matches an ASCII letter of a contraction without regard to case.
    private static char Fold(char unit, bool ignoreCase) =>
        !ignoreCase ? unit : unit == '\u017F' ? 's' : char.IsAsciiLetterUpper(unit) ? (char)(unit | 0x20) : unit;
}
