using System.Text;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Lower-cases each code point by itself, without context or language.</summary>
internal sealed class LowercaseNormalizer : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (Ascii.IsValid(source))
        {
            Ascii.ToLowerInPlace(text.InPlace, out _);
            return;
        }
        text.BeginRewrite();
        for (int at = 0, size; at < source.Length; at += size)
        {
            Rune.DecodeFromUtf16(source[at..], out var rune, out size);
            Append(text, rune, at, size);
        }
        text.EndRewrite();
    }

    /// <summary>Appends the lower case of a code point.</summary>
    public static void Append(NormalizedText text, Rune rune, int at, int size)
    {
        // İ is the one code point whose lower case has two; .NET's invariant casing leaves it as it is.
        if (rune.Value == 0x130)
        {
            text.Append('i', at, size);
            text.Append('\u0307', at, size);
            return;
        }
        text.Append(Rune.ToLowerInvariant(rune), at, size);
    }
}
