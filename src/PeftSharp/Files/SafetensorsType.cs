using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>An element type of the safetensors format that libtorch has as well.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="ScalarType">Its name in libtorch.</param>
/// <param name="Size">Bytes per element.</param>
/// <param name="Rank">Its place in the order in which the reference writer lays tensors out (highest first).</param>
internal sealed record SafetensorsType(string Name, ScalarType ScalarType, int Size, int Rank)
{
    private static readonly SafetensorsType[] All =
    [
        new("BOOL", ScalarType.Bool, 1, 0),
        new("U8", ScalarType.Byte, 1, 1),
        new("I8", ScalarType.Int8, 1, 2),
        new("I16", ScalarType.Int16, 2, 3),
        new("F16", ScalarType.Float16, 2, 4),
        new("BF16", ScalarType.BFloat16, 2, 5),
        new("I32", ScalarType.Int32, 4, 6),
        new("F32", ScalarType.Float32, 4, 7),
        new("F64", ScalarType.Float64, 8, 8),
        new("I64", ScalarType.Int64, 8, 9),
    ];

    public static string Known => string.Join(", ", All.Select(t => t.Name));

    public static SafetensorsType? Parse(string name) => Array.Find(All, t => t.Name == name);

    public static SafetensorsType Of(ScalarType type) => Find(type)
        ?? throw new PeftException($"Element type {type} has no place in a safetensors file; convert the tensor to one of {Known}.");

    public static SafetensorsType? Find(ScalarType type) => Array.Find(All, t => t.ScalarType == type);
}
