using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>Where a tensor lies in a safetensors file, as its header says (checked when the file was opened).</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="ScalarType">Its element type.</param>
/// <param name="Shape">Its shape; empty for a scalar.</param>
/// <param name="Offset">Bytes from the start of the file.</param>
/// <param name="ByteLength">Bytes that it takes: the product of the shape times the element size.</param>
public sealed record TensorInfo(string Name, ScalarType ScalarType, long[] Shape, long Offset, long ByteLength)
{
    /// <summary>Number of elements.</summary>
    public long Count => ByteLength / SafetensorsType.Of(ScalarType).Size;
}
