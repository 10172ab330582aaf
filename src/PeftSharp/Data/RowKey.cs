using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace PeftSharp.Data;

/// <summary>A number that stands for what a row says: rows with the same text, pair and token ids have the same, and no others.</summary>
/// <remarks>
/// The first half of a SHA-256, so that nobody can make two rows that agree. Labels, and blanks at the ends of texts, do not count.
/// </remarks>
internal static class RowKey
{
    /// <param name="row">The row.</param>
    /// <param name="seed">Keys of different seeds are unrelated, and so are their orders.</param>
    public static UInt128 Of(Example row, ulong seed = 0)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer.GetSpan(8), seed);
        buffer.Advance(8);
        Add(buffer, row.Text);
        Add(buffer, row.Pair);
        if (row.InputIds is { } ids) buffer.Write(MemoryMarshal.AsBytes<int>(ids));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(buffer.WrittenSpan, hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    // Lengths keep ("ab", "c") and ("a", "bc") apart.
    private static void Add(ArrayBufferWriter<byte> buffer, string? text)
    {
        var trimmed = text.AsSpan().Trim();
        BinaryPrimitives.WriteInt32LittleEndian(buffer.GetSpan(4), text is null ? -1 : trimmed.Length);
        buffer.Advance(4);
        buffer.Advance(Encoding.UTF8.GetBytes(trimmed, buffer.GetSpan(Encoding.UTF8.GetMaxByteCount(trimmed.Length))));
    }
}
