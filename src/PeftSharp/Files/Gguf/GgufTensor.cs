namespace PeftSharp.Files.Gguf;

/// <summary>A tensor of a GGUF file.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Type">How it is kept.</param>
/// <param name="Shape">Its shape as everywhere else: the widest step first (the file has it the other way round).</param>
/// <param name="Offset">Bytes from the start of the file.</param>
internal sealed record GgufTensor(string Name, GgufType Type, long[] Shape, long Offset)
{
    /// <summary>Number of weights.</summary>
    public long Count { get; } = Shape.Aggregate(1L, (count, dimension) => count * dimension);

    /// <summary>Bytes that it takes.</summary>
    public long Bytes => Type.BytesOf(Count);
}
