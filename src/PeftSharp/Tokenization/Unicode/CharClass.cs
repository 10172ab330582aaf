using System.Globalization;
using System.Text;

namespace PeftSharp.Tokenization.Unicode;

/// <summary>Classes of code points, inside and outside the basic plane.</summary>
internal static class CharClass
{
    private static readonly bool[] boundaries = [.. Enumerable.Range(0, char.MaxValue + 1).Select(code =>
        Rune.TryCreate(code, out var rune) && (Rune.IsWhiteSpace(rune) || IsPunctuation(rune)))];

    /// <summary>The code point at an index; U+FFFD for half a surrogate pair.</summary>
    public static Rune RuneAt(ReadOnlySpan<char> text, int index)
    {
        Rune.DecodeFromUtf16(text[index..], out var rune, out _);
        return rune;
    }

    /// <summary>The kind of the code point at an index, and its length in UTF-16 units.</summary>
    public static CharKind KindAt(ReadOnlySpan<char> text, int index, out int length)
    {
        var unit = text[index];
        length = 1;
        if (unit < 0x80)
        {
            return char.IsAsciiLetter(unit) ? CharKind.Letter : char.IsAsciiDigit(unit) ? CharKind.Number
                : unit is ' ' or >= '\t' and <= '\r' ? CharKind.Space : CharKind.Other;
        }
        if (char.IsSurrogate(unit))
        {
            Rune.DecodeFromUtf16(text[index..], out var rune, out length);
            return Kind(Rune.GetUnicodeCategory(rune));
        }
        return char.IsWhiteSpace(unit) ? CharKind.Space : Kind(char.GetUnicodeCategory(unit));
    }

    /// <summary>Where the run of one kind that starts at an index ends.</summary>
    public static int RunEnd(ReadOnlySpan<char> text, int start, CharKind kind, int atMost = int.MaxValue)
    {
        var end = start;
        for (var count = 0; end < text.Length && count < atMost && KindAt(text, end, out var length) == kind; count++)
        {
            end += length;
        }
        return end;
    }

    /// <summary>White space, or what <see cref="IsPunctuation"/> names: what parts words for BERT.</summary>
    public static bool IsBoundary(Rune rune) => rune.IsBmp ? boundaries[rune.Value] : IsPunctuation(rune);

    /// <summary>Unicode's general categories that begin with P, and all ASCII symbols.</summary>
    public static bool IsPunctuation(Rune rune) => rune.IsAscii
        ? rune.Value is > 32 and < 127 && !char.IsAsciiLetterOrDigit((char)rune.Value)
        : Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;

    /// <summary>What <c>\w</c> matches: alphabetic, mark, decimal digit, connector, joiner.</summary>
    public static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.OtherSymbol => rune.Value is >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149
            or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189,
        _ => rune.Value is 0x200C or 0x200D,
    };

    private static CharKind Kind(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => CharKind.Letter,
        >= UnicodeCategory.DecimalDigitNumber and <= UnicodeCategory.OtherNumber => CharKind.Number,
        _ => CharKind.Other,
    };
}
