using System.Globalization;
using System.Text;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>
/// Replaces characters by a table, as the reference library reads SentencePiece's: a short grapheme whole by the shortest beginning of it
/// that the
/// table has, else each of its characters.
/// </summary>
internal sealed class PrecompiledNormalizer(CharacterMap map) : INormalizer
{
    private const int LongestGrapheme = 5; // bytes

    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        var changes = new List<Change>(source.Length);
        var changed = false;
        Span<byte> bytes = stackalloc byte[LongestGrapheme * 3];
        Span<char> units = stackalloc char[2];
        for (int at = 0, size; at < source.Length; at += size)
        {
            size = StringInfo.GetNextTextElementLength(source[at..]);
            var grapheme = source.Slice(at, size);
            if (size <= LongestGrapheme && Encoding.UTF8.GetBytes(grapheme, bytes) is <= LongestGrapheme and var length
                && map.Find(bytes[..length], longest: false, out _) is { } whole)
            {
                Replace(changes, grapheme, whole);
                changed = true;
                continue;
            }
            foreach (var rune in grapheme.EnumerateRunes())
            {
                if (map.Find(bytes[..rune.EncodeToUtf8(bytes)], longest: false, out _) is { } part)
                {
                    Replace(changes, units[..rune.EncodeToUtf16(units)], part);
                    changed = true;
                }
                else
                {
                    changes.Add(new(rune, 0));
                }
            }
        }
        if (changed)
        {
            Write(text, changes);
        }
    }

    // Each new character stands for the old one in its place; those that are left over for the last, and what is taken away is noted with
    // the last.
    private static void Replace(List<Change> changes, ReadOnlySpan<char> old, string instead)
    {
        var difference = Count(instead) - Count(old);
        foreach (var rune in instead.EnumerateRunes())
        {
            changes.Add(new(rune, 0));
        }
        for (var i = 1; i <= difference; i++)
        {
            changes[^i] = changes[^i] with { Added = 1 };
        }
        if (difference < 0 && changes.Count > 0)
        {
            changes[^1] = changes[^1] with { Added = changes[^1].Added + difference };
        }
    }

    private static int Count(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            count++;
        }
        return count;
    }

    private static void Write(NormalizedText text, List<Change> changes)
    {
        var source = text.Chars;
        text.BeginRewrite();
        int at = 0, before = 0, size = 0;
        foreach (var (rune, added) in changes)
        {
            if (added > 0 || at >= source.Length)
            {
                text.Append(rune, before, size);
                continue;
            }
            (before, size) = (at, SizeAt(source, at));
            text.Append(rune, before, size);
            at += size;
            for (var dropped = added; dropped < 0 && at < source.Length; dropped++)
            {
                at += SizeAt(source, at);
            }
        }
        text.EndRewrite();
    }

    private static int SizeAt(ReadOnlySpan<char> source, int at)
    {
        Rune.DecodeFromUtf16(source[at..], out _, out var size);
        return size;
    }

    private readonly record struct Change(Rune Rune, int Added);
}
