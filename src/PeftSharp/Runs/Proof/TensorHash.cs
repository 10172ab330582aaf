using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace PeftSharp.Runs.Proof;

/// <summary>Hashes of tensors as they are stored: the same for one file and for shards, whatever else the files hold.</summary>
internal static class TensorHash
{
    private const int Whole = 4096, Blocks = 16, BlockBytes = 256, Chunk = 1 << 20;
    private const int DigestDigits = 16;

    /// <summary>A few thousand bytes of the tensor: what every load can afford.</summary>
    public static TensorPrint Sample(StoredTensor tensor, StoredBytes bytes)
    {
        var length = tensor.Info.ByteLength;
        var sample = new byte[length <= Whole ? length : Blocks * BlockBytes];
        if (length <= Whole) bytes.Read(tensor, 0, sample);
        else
            for (var i = 0; i < Blocks; i++)
                bytes.Read(tensor, (long)((Int128)(length - BlockBytes) * i / (Blocks - 1)), sample.AsSpan(i * BlockBytes, BlockBytes));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(tensor.Form));
        hash.AppendData(sample);
        return new()
        {
            Dtype = tensor.TypeName,
            Shape = tensor.Info.Shape,
            Digest = Convert.ToHexStringLower(hash.GetHashAndReset())[..DigestDigits],
            Values = [.. new[] { 1, 2 }.Select(third => Element(tensor, tensor.Info.Count * third / 3, bytes)).OfType<float>()],
        };
    }

    /// <summary>Every byte.</summary>
    public static string Content(IEnumerable<StoredTensor> tensors)
    {
        using var bytes = new StoredBytes();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[Chunk];
        foreach (var tensor in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{tensor.Name}\n{tensor.Form}\n"));
            for (var done = 0L; done < tensor.Info.ByteLength;)
            {
                var part = chunk.AsSpan(0, (int)Math.Min(Chunk, tensor.Info.ByteLength - done));
                bytes.Read(tensor, done, part);
                hash.AppendData(part);
                done += part.Length;
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>A hash as tables show it.</summary>
    public static string Short(string hash) => hash.Length <= 12 ? hash : $"{hash[..12]}…";

    // Null for whole numbers, for an empty tensor, and where the number is not finite.
    private static float? Element(StoredTensor tensor, long index, StoredBytes bytes)
    {
        if (index >= tensor.Info.Count || tensor.Info.Blocks is not null) return null;
        Span<byte> element = stackalloc byte[8];
        var size = (int)(tensor.Info.ByteLength / tensor.Info.Count);
        bytes.Read(tensor, index * size, element[..size]);
        float? value = tensor.TypeName switch
        {
            "F32" => BinaryPrimitives.ReadSingleLittleEndian(element),
            "F64" => (float)BinaryPrimitives.ReadDoubleLittleEndian(element),
            "F16" => (float)BinaryPrimitives.ReadHalfLittleEndian(element),
            "BF16" => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(element) << 16),
            _ => null,
        };
        return value is { } number && float.IsFinite(number) ? number : null;
    }
}
