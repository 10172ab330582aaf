using System.Text;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>A stretch of text that normalizers rewrite; each UTF-16 unit knows the source units that it came from.</summary>
internal sealed class NormalizedText
{
    // NFKD makes 18 characters of one; a chain of replacements could make any number.
    private const int MostGrowth = 32, Leeway = 4096, LargestText = 1 << 28;

    private char[] chars = new char[256], nextChars = new char[256];
    private int[] starts = new int[256], ends = new int[256], nextStarts = new int[256], nextEnds = new int[256];
    private int length, nextLength, origin, longest;
    private bool aligned;

    /// <summary>The text as it stands.</summary>
    public ReadOnlySpan<char> Chars => chars.AsSpan(0, length);

    /// <summary>The text, to change unit by unit where lengths and alignment stay.</summary>
    public Span<char> InPlace => chars.AsSpan(0, length);

    /// <summary>First source unit of the unit at an index.</summary>
    public int SourceStart(int index) => aligned ? starts[index] : origin + index;

    /// <summary>One past the last source unit of the unit at an index.</summary>
    public int SourceEnd(int index) => aligned ? ends[index] : origin + index + 1;

    /// <summary>Starts over with a slice of the source that begins at <paramref name="offset"/>.</summary>
    public void Reset(ReadOnlySpan<char> source, int offset)
    {
        if (chars.Length < source.Length)
        {
            chars = new char[Math.Max(source.Length, chars.Length * 2)];
        }
        source.CopyTo(chars);
        length = source.Length;
        origin = offset;
        longest = (int)Math.Min(LargestText, Math.Max(Leeway, (long)source.Length * MostGrowth));
        aligned = false;
    }

    /// <summary>Starts a rewrite: <see cref="Append(char, int, int)"/> builds the new text while the old can still be read.</summary>
    public void BeginRewrite() => nextLength = 0;

    /// <summary>Appends a code point that stands for old units [from, from + count); nothing in the source if count is 0.</summary>
    public void Append(Rune rune, int from, int count)
    {
        Span<char> units = stackalloc char[2];
        var written = rune.EncodeToUtf16(units);
        for (var i = 0; i < written; i++)
        {
            Append(units[i], from, count);
        }
    }

    /// <summary>Appends one unit that stands for old units [from, from + count); nothing in the source if count is 0.</summary>
    public void Append(char unit, int from, int count)
    {
        if (nextLength == nextChars.Length || nextLength == nextStarts.Length)
        {
            if (nextLength >= longest)
            {
                throw new PeftException($"The tokenizer's normalizers make more than {longest:N0} characters of a text, {MostGrowth} "
                    + "times what it has: "
                    + "check the replacements in tokenizer.json.");
            }
            var size = nextLength * 2;
            Array.Resize(ref nextChars, Math.Max(size, nextChars.Length));
            Array.Resize(ref nextStarts, size);
            Array.Resize(ref nextEnds, size);
        }
        nextChars[nextLength] = unit;
        nextStarts[nextLength] = count == 0 ? 0 : SourceStart(from);
        nextEnds[nextLength] = count == 0 ? 0 : SourceEnd(from + count - 1);
        nextLength++;
    }

    /// <summary>Appends old units [from, from + count) as they are.</summary>
    public void Copy(int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            Append(chars[i], i, 1);
        }
    }

    /// <summary>Replaces the old text by what was appended since <see cref="BeginRewrite"/>.</summary>
    public void EndRewrite()
    {
        (chars, nextChars) = (nextChars, chars);
        (starts, nextStarts) = (nextStarts, starts);
        (ends, nextEnds) = (nextEnds, ends);
        length = nextLength;
        aligned = true;
    }
}
