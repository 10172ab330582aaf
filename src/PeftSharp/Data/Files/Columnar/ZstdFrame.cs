using System.Buffers.Binary;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>The frames of zstd (RFC 8878), as far as they tell what they unpack to.</summary>
internal static class ZstdFrame
{
    private const uint Magic = 0xFD2FB528;

    /// <summary>Bytes that one or more frames say that they unpack to.</summary>
    /// <exception cref="InvalidDataException">The bytes are no such frames, or one does not say it.</exception>
    public static long Length(ReadOnlySpan<byte> bytes)
    {
        var total = 0L;
        while (bytes.Length > 0)
        {
            if (bytes.Length < 5 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic) throw Bad();
            var flags = bytes[4];
            var (single, dictionary) = ((flags & 32) != 0, (flags & 3) switch { 0 => 0, 1 => 1, 2 => 2, _ => 4 });
            var size = (flags >> 6) switch { 0 => single ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
            var at = 5 + (single ? 0 : 1) + dictionary;
            if (size == 0 || at + size > bytes.Length) throw Bad();
            var said = bytes.Slice(at, size);
            var length = size switch
            {
                1 => said[0],
                2 => BinaryPrimitives.ReadUInt16LittleEndian(said) + 256L,
                4 => BinaryPrimitives.ReadUInt32LittleEndian(said),
                _ => BinaryPrimitives.ReadInt64LittleEndian(said),
            };
            if (length is < 0 or > int.MaxValue) throw Bad();
            total += length;
            bytes = Blocks(bytes[(at + size)..], (flags & 4) != 0);
        }
        return total;
    }

    // Passes the blocks of a frame and its checksum.
    private static ReadOnlySpan<byte> Blocks(ReadOnlySpan<byte> bytes, bool hasChecksum)
    {
        for (var last = false; !last;)
        {
            if (bytes.Length < 3) throw Bad();
            var header = bytes[0] | bytes[1] << 8 | bytes[2] << 16;
            last = (header & 1) != 0;
            var kind = header >> 1 & 3;
            var size = kind == 1 ? 1 : header >> 3; // a run stores one byte
            if (kind == 3 || size > bytes.Length - 3) throw Bad();
            bytes = bytes[(3 + size)..];
        }
        if (!hasChecksum) return bytes;
        return bytes.Length >= 4 ? bytes[4..] : throw Bad();
    }

    private static InvalidDataException Bad() => new("a page packed with zstd is damaged, or does not say what it unpacks to");
}
