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

/// <summary>Removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        var start = left ? source.Length - source.TrimStart().Length : 0;
        var end = right ? Math.Max(start, source.TrimEnd().Length) : source.Length;
        text.BeginRewrite();
        text.Copy(start, end - start);
        text.EndRewrite();
    }
}

/// <summary>Puts a prefix before text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (source.IsEmpty)
        {
            return;
        }
        Rune.DecodeFromUtf16(source, out _, out var size);
        text.BeginRewrite();
        foreach (var unit in prefix)
        {
            text.Append(unit, 0, size);
        }
        text.Copy(0, source.Length);
        text.EndRewrite();
    }
}

/// <summary>Replaces every occurrence of a string.</summary>
internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (source.IndexOf(pattern) < 0)
        {
            return;
        }
        text.BeginRewrite();
        for (var at = 0; at < source.Length;)
        {
            var found = source[at..].IndexOf(pattern);
            var copied = found < 0 ? source.Length - at : found;
            text.Copy(at, copied);
            at += copied;
            if (found < 0)
            {
                break;
            }
            foreach (var unit in content)
            {
                text.Append(unit, at, pattern.Length);
            }
            at += pattern.Length;
        }
        text.EndRewrite();
    }
}
