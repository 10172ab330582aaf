using System.Buffers;
using System.Globalization;
using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>BERT's cleaning, spaces around Chinese characters, accent stripping and lower-casing, in one pass.</summary>
internal sealed class BertNormalizer(bool cleanText, bool spaceChinese, bool stripAccents, bool lowercase) : INormalizer
{
    // Plain ASCII never changes length, so that its alignment is the identity.
    private static readonly SearchValues<char> plain = SearchValues.Create(
        [.. Enumerable.Range(32, 95).Select(code => (char)code), '\t', '\n', '\r']);

    public void Normalize(NormalizedText text)
    {
        if (!text.Chars.ContainsAnyExcept(plain))
        {
            NormalizeAscii(text.InPlace);
            return;
        }
        var source = text.Chars;
        text.BeginRewrite();
        for (int at = 0, size; at < source.Length; at += size)
        {
            Rune.DecodeFromUtf16(source[at..], out var rune, out size);
            if (cleanText)
            {
                if (IsDropped(rune))
                {
                    continue;
                }
                if (Rune.IsWhiteSpace(rune))
                {
                    rune = new Rune(' ');
                }
            }
            var chinese = spaceChinese && IsChinese(rune.Value);
            if (chinese)
            {
                text.Append(' ', at, size);
            }
            Write(text, rune, at, size);
            if (chinese)
            {
                text.Append(' ', at, size);
            }
        }
        text.EndRewrite();
    }

    private void NormalizeAscii(Span<char> chars)
    {
        if (lowercase)
        {
            Ascii.ToLowerInPlace(chars, out _);
        }
        if (cleanText && chars.ContainsAnyInRange('\t', '\r'))
        {
            chars.Replace('\t', ' ');
            chars.Replace('\n', ' ');
            chars.Replace('\r', ' ');
        }
    }

    private void Write(NormalizedText text, Rune rune, int at, int size)
    {
        if (!stripAccents || rune.IsAscii)
        {
            WriteCased(text, rune, at, size);
            return;
        }
        Span<int> parts = stackalloc int[UnicodeNormalizer.LongestDecomposition];
        var count = UnicodeData.Decompose(rune.Value, compatibility: false, parts);
        for (var i = 0; i < count; i++)
        {
            var part = new Rune(parts[i]);
            if (Rune.GetUnicodeCategory(part) != UnicodeCategory.NonSpacingMark)
            {
                WriteCased(text, part, at, size);
            }
        }
    }

    private void WriteCased(NormalizedText text, Rune rune, int at, int size)
    {
        if (lowercase)
        {
            LowercaseNormalizer.Append(text, rune, at, size);
        }
        else
        {
            text.Append(rune, at, size);
        }
    }

    private static bool IsDropped(Rune rune) => rune.Value is 0 or 0xFFFD || rune.Value is not ('\t' or '\n' or '\r')
        && Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse;

    private static bool IsChinese(int code) => code is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF
        or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF
        or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}
