using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>Where a tensor lies in a safetensors or GGUF file, as its header says (checked when the file was opened).</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="ScalarType">Its element type; of blocks, that which they are unpacked to.</param>
/// <param name="Shape">Its shape; empty for a scalar.</param>
/// <param name="Offset">Bytes from the start of the file.</param>
/// <param name="ByteLength">Bytes that it takes: the product of the shape times the element size, or the bytes of its blocks.</param>
public sealed record TensorInfo(string Name, ScalarType ScalarType, long[] Shape, long Offset, long ByteLength)
{
    /// <summary>The block type of a GGUF file that it is kept in, for example <c>Q4_K</c>; null for plain numbers.</summary>
    public string? Blocks { get; init; }

    /// <summary>Number of elements.</summary>
    public long Count =>
        Blocks is null ? ByteLength / SafetensorsType.Of(ScalarType).Size : Shape.Aggregate(1L, (count, dimension) => count * dimension);
}
