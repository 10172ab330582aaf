using System.Globalization;
using System.Text;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Removes every combining mark.</summary>
internal sealed class StripAccentsNormalizer : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (Ascii.IsValid(source))
        {
            return;
        }
        text.BeginRewrite();
        for (int at = 0, size; at < source.Length; at += size)
        {
            Rune.DecodeFromUtf16(source[at..], out var rune, out size);
            if (Rune.GetUnicodeCategory(rune) is not (>= UnicodeCategory.NonSpacingMark and <= UnicodeCategory.EnclosingMark))
            {
                text.Append(rune, at, size);
            }
        }
        text.EndRewrite();
    }
}
