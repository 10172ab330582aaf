using PeftSharp.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Weights of eight bits in files, as bitsandbytes and transformers lay them out: <c>P.weight</c>, int8 [out, in]; <c>P.SCB</c>, the
/// largest magnitude of each row, float32 [out]; <c>P.weight_format</c>, the number 0, which says that rows lie one after the other.
/// </summary>
internal static class BitsAndBytes8
{
    private const string Weight = "weight", Scales = "SCB", Format = "weight_format";

    /// <summary>True if a checkpoint keeps a weight so.</summary>
    public static bool Has(Checkpoint checkpoint, string name) =>
        name.EndsWith(Weight, StringComparison.Ordinal) && checkpoint.Contains(Beside(name, Scales));

    /// <summary>Reads a weight.</summary>
    /// <exception cref="PeftException">A tensor is missing, or of another type or shape.</exception>
    public static Int8Store Read(Checkpoint checkpoint, string name)
    {
        using var scope = NewDisposeScope(); // whatever was read before a refusal is released
        var codes = checkpoint.Info(name);
        if (codes.ScalarType != ScalarType.Int8 || codes.Shape is not [var rows and > 0, > 0])
            throw Bad(
                checkpoint, name,
                $"is of {codes.ScalarType} and shape [{string.Join(", ", codes.Shape)}] where Int8 [out, in] was expected");
        var scales = checkpoint.Contains(Beside(name, Scales)) ? checkpoint.Info(Beside(name, Scales))
            : throw Bad(checkpoint, name, $"lacks \"{Beside(name, Scales)}\", the scales of its rows");
        if (scales.ScalarType is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16) || scales.Count != rows)
            throw Bad(checkpoint, name,
                $"has \"{scales.Name}\" of {scales.Count} elements of {scales.ScalarType} where {rows} of Float32 were expected");
        RequireRows(checkpoint, name);
        using var stored = checkpoint.Read(scales.Name);
        var read = stored.to(ScalarType.Float32, copy: true).view(-1);
        if (!read.isfinite().all().item<bool>()) throw Bad(checkpoint, name, $"has a scale in \"{scales.Name}\" that is NaN or infinite");
        return new Int8Store(checkpoint.Read(name).DetachFromDisposeScope(), read.DetachFromDisposeScope());
    }

    /// <summary>The tensors of a weight.</summary>
    public static IReadOnlyList<KeyValuePair<string, Tensor>> Write(string name, Tensor codes, Tensor scales) =>
    [
        new(name, codes.alias()),
        new(Beside(name, Scales), scales.alias()),
        new(Beside(name, Format), tensor((byte)0)),
    ];

    // Early versions also kept them in tiles of a GPU's matrix units.
    private static void RequireRows(Checkpoint checkpoint, string name)
    {
        var format = Beside(name, Format);
        if (!checkpoint.Contains(format)) return;
        var info = checkpoint.Info(format);
        using var read = info is { ScalarType: ScalarType.Byte, Count: 1 } ? checkpoint.Read(format) : null;
        if (read?.bytes[0] == 0) return;
        throw Bad(checkpoint, name, $"is laid out for a GPU (\"{format}\" is not 0)", "write it again with a later bitsandbytes");
    }

    private static string Beside(string name, string part) => name[..^Weight.Length] + part;

    private static PeftException Bad(
        Checkpoint checkpoint, string name, string what, string advice = "download or quantise the checkpoint again") =>
        new($"{checkpoint.Path}: the quantised weight {Quoted.Name(name)} {what}; {advice}.");
}
