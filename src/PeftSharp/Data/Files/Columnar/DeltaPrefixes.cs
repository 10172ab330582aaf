namespace PeftSharp.Data.Files.Columnar;

/// <summary>
/// The lengths at the start of a page of delta-coded strings (DELTA_BYTE_ARRAY): how much each string takes over from the one before.
/// </summary>
internal static class DeltaPrefixes
{
    private const int MaxBlock = 1 << 20;

    /// <summary>Bytes that all strings of a page take over together.</summary>
    /// <param name="bytes">The page's values, unpacked, without levels.</param>
    /// <exception cref="InvalidDataException">The bytes are no such lengths.</exception>
    public static long Total(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        var (block, parts, left) = (VarInt(bytes, ref at), VarInt(bytes, ref at), VarInt(bytes, ref at));
        var length = ZigZag(VarInt(bytes, ref at));
        if (block is 0 or > MaxBlock || parts == 0 || block % parts != 0 || block / parts % 8 != 0 || left > (ulong)bytes.Length * 64 + 1)
            throw Bad();
        var (total, perPart) = (left == 0 ? 0 : length, (int)(block / parts));
        if (length < 0) throw Bad();
        for (left -= Math.Min(left, 1); left > 0;)
        {
            var smallest = ZigZag(VarInt(bytes, ref at));
            if (at + (int)parts > bytes.Length) throw Bad();
            var widths = bytes.Slice(at, (int)parts);
            at += (int)parts;
            foreach (var width in widths)
            {
                if (left == 0) break;
                if (width > 64 || at + width * perPart / 8 > bytes.Length) throw Bad();
                for (var i = 0; i < perPart && left > 0; i++, left--)
                {
                    length = unchecked(length + smallest + (long)Bits(bytes[at..], i * width, width));
                    if (length is < 0 or > int.MaxValue) throw Bad();
                    total += length;
                }
                at += width * perPart / 8;
            }
        }
        return total;
    }

    private static ulong Bits(ReadOnlySpan<byte> bytes, int start, int width)
    {
        var value = 0UL;
        for (var bit = 0; bit < width; bit++)
        {
            if ((bytes[(start + bit) / 8] >> (start + bit) % 8 & 1) != 0) value |= 1UL << bit;
        }
        return value;
    }

    private static ulong VarInt(ReadOnlySpan<byte> bytes, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (at >= bytes.Length) throw Bad();
            var part = bytes[at++];
            value |= (ulong)(part & 127) << shift;
            if (part < 128) return value;
        }
        throw Bad();
    }

    private static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    private static InvalidDataException Bad() => new("a page of delta-coded strings is damaged");
}
