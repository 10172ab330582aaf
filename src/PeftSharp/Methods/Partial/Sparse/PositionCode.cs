using System.Numerics;

namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>Ascending positions as bytes: each position's gap to the one before, or one bit for each entry.</summary>
/// <remarks>
/// A gap counts the entries in between (from the beginning for the first), seven bits a byte, the lowest first, the highest bit set where
/// more follow. Of the bits, that of position p is number p mod 8, counted from the lowest, of byte p / 8.
/// </remarks>
internal static class PositionCode
{
    /// <summary>The gaps as bytes.</summary>
    public static byte[] Gaps(ReadOnlySpan<long> positions)
    {
        var code = new List<byte>(2 * positions.Length);
        var next = 0L;
        foreach (var position in positions)
        {
            var gap = (ulong)(position - next);
            for (; gap >= 0x80; gap >>= 7) code.Add((byte)(gap | 0x80));
            code.Add((byte)gap);
            next = position + 1;
        }
        return [.. code];
    }

    /// <summary>The bits as bytes.</summary>
    public static byte[] Bits(ReadOnlySpan<long> positions, long entries)
    {
        var code = new byte[(entries + 7) / 8];
        foreach (var position in positions) code[position / 8] |= (byte)(1 << (int)(position % 8));
        return code;
    }

    /// <summary>Reads <see cref="Gaps"/>; null where the bytes are not those of <paramref name="count"/> entries.</summary>
    public static long[]? FromGaps(ReadOnlySpan<byte> code, long count, long entries)
    {
        if (count > code.Length) return null;
        var positions = new long[count];
        var (read, next) = (0, 0L);
        for (var i = 0; i < count; i++)
        {
            var (gap, shift) = (0L, 0);
            do
            {
                if (read == code.Length || shift > 49) return null;
                gap |= (long)(code[read] & 0x7F) << shift;
                shift += 7;
            }
            while (code[read++] >= 0x80);
            positions[i] = next + gap;
            if (positions[i] >= entries) return null;
            next = positions[i] + 1;
        }
        return read == code.Length ? positions : null;
    }

    /// <summary>Reads <see cref="Bits"/>; null where the bytes are not those of <paramref name="count"/> entries.</summary>
    public static long[]? FromBits(ReadOnlySpan<byte> code, long count, long entries)
    {
        if (code.Length != (entries + 7) / 8) return null;
        var positions = new List<long>();
        for (var i = 0; i < code.Length; i++)
            for (var rest = (uint)code[i]; rest != 0; rest &= rest - 1) positions.Add(8L * i + BitOperations.TrailingZeroCount(rest));
        return positions.Count == count && (count == 0 || positions[^1] < entries) ? [.. positions] : null;
    }
}
