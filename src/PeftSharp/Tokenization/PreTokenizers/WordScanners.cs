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

/// <summary>
/// GPT-2's <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal sealed class Gpt2Scanner : WordScanner
{
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    protected override int Match(ReadOnlySpan<char> text)
    {
        if (Contraction(text, ignoreCase: false) is > 0 and var contraction)
        {
            return contraction;
        }
        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        var kind = CharClass.KindAt(text, start, out _);
        return kind == CharKind.Space ? Spaces(text) : CharClass.RunEnd(text, start, kind);
    }
}

/// <summary>
/// The pattern of cl100k, Llama 3 and Qwen 2, which differ in how many digits (<paramref name="digits"/>) a piece may hold.
/// </summary>
internal sealed class Cl100kScanner(int digits) : WordScanner
{
    public const string Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        + @"|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The scanner for a pattern of this family, or null.</summary>
    public static Cl100kScanner? For(string pattern) =>
        pattern == Pattern ? new(3)
        : pattern == Pattern.Replace("{1,3}", "") ? new(1)
        : pattern == Pattern.Replace("{1,3}", "+") ? new(int.MaxValue) : null;

    protected override int Match(ReadOnlySpan<char> text)
    {
        if (Contraction(text, ignoreCase: true) is > 0 and var contraction)
        {
            return contraction;
        }
        var kind = CharClass.KindAt(text, 0, out var first);
        if (kind == CharKind.Letter)
        {
            return CharClass.RunEnd(text, 0, CharKind.Letter);
        }
        if (kind == CharKind.Number)
        {
            return CharClass.RunEnd(text, 0, CharKind.Number, digits);
        }
        var next = first < text.Length ? CharClass.KindAt(text, first, out _) : CharKind.Space;
        if (next == CharKind.Letter && text[0] is not ('\r' or '\n'))
        {
            return CharClass.RunEnd(text, first, CharKind.Letter);
        }
        if (kind == CharKind.Other || text[0] == ' ' && next == CharKind.Other)
        {
            var end = CharClass.RunEnd(text, kind == CharKind.Other ? 0 : 1, CharKind.Other);
            var newlines = text[end..].IndexOfAnyExcept('\r', '\n');
            return newlines < 0 ? text.Length : end + newlines;
        }
        var lastNewline = text[..CharClass.RunEnd(text, 0, CharKind.Space)].LastIndexOfAny('\r', '\n');
        return lastNewline >= 0 ? lastNewline + 1 : Spaces(text);
    }
}
