using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>The memory of a contiguous CPU tensor, of any size, as spans.</summary>
internal static class TensorBytes
{
    private const long Chunk = 1L << 28; // bytes; a span holds fewer than 2^31

    public delegate void Visit(Span<byte> chunk, long bytesBefore);

    public static void ForEachChunk(Tensor tensor, Visit visit)
    {
        var count = tensor.NumberOfElements;
        if (count == 0) return;
        var size = tensor.ElementSize;
        var most = Chunk / size;
        using var flat = tensor.view(-1);
        for (var done = 0L; done < count; done += most)
        {
            using var part = flat.narrow(0, done, Math.Min(most, count - done));
            visit(part.bytes, done * size);
        }
    }
}
