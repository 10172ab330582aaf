using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.PreTokenizers;

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
