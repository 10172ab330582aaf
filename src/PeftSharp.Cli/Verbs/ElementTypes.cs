using static TorchSharp.torch;

namespace PeftSharp.Cli.Verbs;

/// <summary>The values of <c>--dtype</c>: in which type dense tensors are written.</summary>
internal static class ElementTypes
{
    private static readonly Dictionary<string, ScalarType> Types = new()
    {
        ["float32"] = ScalarType.Float32,
        ["float16"] = ScalarType.Float16,
        ["bfloat16"] = ScalarType.BFloat16,
    };

    /// <summary>The type of a name.</summary>
    /// <exception cref="UsageException">There is none of that name.</exception>
    public static ScalarType Of(string name) => Types.TryGetValue(name.ToLowerInvariant(), out var type) ? type
        : throw new UsageException($"--dtype is \"{name}\"; expected {string.Join(", ", Types.Keys)}.");
}
