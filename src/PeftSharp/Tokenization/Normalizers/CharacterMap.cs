using System.Buffers.Binary;
using System.Text;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>
/// SentencePiece's compiled table of replacements: a double-array tree (Aoe 1989) over the UTF-8 of what is replaced, whose leaves point at
/// what replaces it. Every step of a walk is held inside the table, whoever made it.
/// </summary>
internal sealed class CharacterMap
{
    // The longest that Unicode has is 33 bytes (U+FDFA); a long one for every character of a text would fill the memory.
    private const int LargestTable = 64 << 20, LongestText = 128;

    private readonly uint[] units;
    private readonly byte[] texts;

    private CharacterMap(uint[] units, byte[] texts) => (this.units, this.texts) = (units, texts);

    /// <summary>Reads the table of a tokenizer.json, in base 64.</summary>
    public static CharacterMap Read(JsonField field)
    {
        var coded = field.String();
        var bytes = new byte[coded.Length / 4 * 3 + 3];
        return Convert.TryFromBase64String(coded, bytes, out var length) && TryRead(bytes.AsSpan(0, length)) is { } map
            ? map : throw field.Error($"a text of {coded.Length:N0} characters", "SentencePiece's table of characters in base 64",
                "download the file again");
    }

    /// <summary>Reads a table; null if it is none.</summary>
    public static CharacterMap? TryRead(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is < 4 or > LargestTable)
        {
            return null;
        }
        var size = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (size == 0 || size % 4 != 0 || size > (uint)bytes.Length - 4)
        {
            return null;
        }
        var units = new uint[size / 4];
        for (var i = 0; i < units.Length; i++)
        {
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + 4 * i)..]);
        }
        return new(units, bytes[(4 + (int)size)..].ToArray());
    }

    /// <summary>Finds what replaces the beginning of a text.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="longest">Whether the longest beginning that is replaced counts, or the shortest.</param>
    /// <param name="length">Bytes of that beginning.</param>
    /// <returns>The replacement, or null.</returns>
    public string? Find(ReadOnlySpan<byte> text, bool longest, out int length)
    {
        length = 0;
        long found = -1;
        var node = Offset(units[0]);
        for (var i = 0; i < text.Length && text[i] != 0; i++)
        {
            node ^= text[i];
            if (node >= units.Length || Label(units[node]) != text[i])
            {
                break;
            }
            var unit = units[node];
            node ^= Offset(unit);
            if ((unit >> 8 & 1) == 0 || node >= units.Length)
            {
                continue;
            }
            (found, length) = (units[node] & 0x7FFF_FFFF, i + 1);
            if (!longest)
            {
                break;
            }
        }
        if (found < 0 || found > texts.Length)
        {
            return null;
        }
        var rest = texts.AsSpan((int)found);
        var end = rest.IndexOf((byte)0);
        rest = end < 0 ? rest : rest[..end];
        return rest.Length <= LongestText ? Encoding.UTF8.GetString(rest)
            : throw new PeftException($"The tokenizer's table of characters replaces {length} bytes by {rest.Length:N0}, above the "
                + $"limit of {LongestText}: download the tokenizer again.");
    }

    private static uint Label(uint unit) => unit & 0x8000_00FF;

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1 << 9) >> 6);
}
