using PeftSharp.Models;

namespace PeftSharp.Benchmarks;

/// <summary>Precisions as the command line names them.</summary>
internal static class ComputeName
{
    public static ComputeType Parse(string name) => name switch
    {
        "fp32" => ComputeType.Float32,
        "bf16" => ComputeType.BFloat16,
        _ => throw new ArgumentException($"The precision is \"{name}\"; expected fp32 or bf16."),
    };
}
