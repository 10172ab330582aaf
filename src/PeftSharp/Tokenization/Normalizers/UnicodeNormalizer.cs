using System.Text;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>The normalization forms NFC, NFD, NFKC and NFKD.</summary>
internal sealed class UnicodeNormalizer(bool compose, bool compatibility) : INormalizer
{
    /// <summary>No code point decomposes into more (U+FDFA has 18).</summary>
    public const int LongestDecomposition = 18;

    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (IsNormal(source))
        {
            return;
        }
        var parts = new List<Part>(source.Length);
        foreach (var rune in source.EnumerateRunes())
        {
            Decompose(rune.Value, parts);
        }
        Reorder(parts);
        if (compose)
        {
            Compose(parts);
        }
        Write(text, parts);
    }

    private bool IsNormal(ReadOnlySpan<char> source)
    {
        if (Ascii.IsValid(source))
        {
            return true;
        }
        if (!compose || compatibility)
        {
            return false;
        }
        foreach (var rune in source.EnumerateRunes())
        {
            if (UnicodeData.MayCompose(rune.Value))
            {
                return false;
            }
        }
        return true;
    }

    private void Decompose(int code, List<Part> parts)
    {
        Span<int> codes = stackalloc int[LongestDecomposition];
        var count = UnicodeData.Decompose(code, compatibility, codes);
        for (var i = 0; i < count; i++)
        {
            parts.Add(new Part(codes[i], UnicodeData.CombiningClass(codes[i]), i == 0 ? 0 : 1));
        }
    }

    private static void Reorder(List<Part> parts)
    {
        for (int start = 0, end; start < parts.Count; start = end)
        {
            end = start + 1;
            if (parts[start].Class == 0)
            {
                continue;
            }
            while (end < parts.Count && parts[end].Class != 0)
            {
                end++;
            }
            if (end - start > 1)
            {
                var ordered = parts.GetRange(start, end - start).OrderBy(part => part.Class).ToArray();
                for (var i = 0; i < ordered.Length; i++)
                {
                    parts[start + i] = ordered[i];
                }
            }
        }
    }

    private static void Compose(List<Part> parts)
    {
        int written = 0, starter = -1;
        for (var i = 0; i < parts.Count; i++)
        {
            var part = parts[i];
            // A mark is blocked from its starter by one of its own class or a higher one in between.
            if (starter >= 0 && (written - 1 == starter || parts[written - 1].Class is var last && last != 0 && last < part.Class)
                && UnicodeData.Compose(parts[starter].Code, part.Code) is >= 0 and var composed)
            {
                parts[starter] = new Part(composed, 0, parts[starter].Change + part.Change - 1);
                continue;
            }
            if (part.Class == 0)
            {
                starter = written;
            }
            parts[written++] = part;
        }
        parts.RemoveRange(written, parts.Count - written);
    }

    // A part with change c ≤ 0 replaces one old code point and removes the -c after it; with c = 1 it is new and shares
    // the source of the old code point before it.
    private static void Write(NormalizedText text, List<Part> parts)
    {
        var source = text.Chars;
        int at = 0, previous = 0, previousSize = 0;
        text.BeginRewrite();
        foreach (var part in parts)
        {
            if (part.Change > 0)
            {
                text.Append(new Rune(part.Code), previous, previousSize);
                continue;
            }
            Rune.DecodeFromUtf16(source[at..], out _, out var size);
            text.Append(new Rune(part.Code), at, size);
            for (var taken = part.Change; taken <= 0; taken++)
            {
                Rune.DecodeFromUtf16(source[at..], out _, out previousSize);
                previous = at;
                at += previousSize;
            }
        }
        text.EndRewrite();
    }

    private readonly record struct Part(int Code, int Class, int Change);
}
