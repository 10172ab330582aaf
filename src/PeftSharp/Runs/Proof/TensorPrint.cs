namespace PeftSharp.Runs.Proof;

/// <summary>What a fingerprint keeps of one tensor.</summary>
public sealed record TensorPrint
{
    /// <summary>Element type as safetensors names it, for example <c>F32</c>.</summary>
    public required string Dtype { get; init; }

    /// <summary>The shape.</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>
    /// The first 16 hex digits of the SHA-256 of type, shape and bytes: all of them up to 4 KB, else 16 blocks of 256 bytes spread evenly,
    /// the first and the last included.
    /// </summary>
    public required string Digest { get; init; }

    /// <summary>
    /// Two elements, at a third and at two thirds: they tell the same weights in another precision. Empty for whole numbers.
    /// </summary>
    public IReadOnlyList<float> Values { get; init; } = [];

    /// <summary>Type and shape, for messages.</summary>
    internal string Form => FormOf(Dtype, Shape);

    internal static string FormOf(string dtype, IReadOnlyList<long> shape) => $"{dtype} [{string.Join(", ", shape)}]";
}
