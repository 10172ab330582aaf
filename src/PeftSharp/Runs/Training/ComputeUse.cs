
namespace PeftSharp.Runs.Training;

/// <summary>The precision chosen for frozen weights.</summary>
/// <param name="Type">The element type.</param>
/// <param name="Reason">Why, as a clause.</param>
/// <param name="Processor">The processor that it was chosen for.</param>
public sealed record ComputeUse(ComputeType Type, string Reason, string Processor)
{
    /// <summary>fp32 or bf16.</summary>
    public string Name => Type == ComputeType.BFloat16 ? "bf16" : "fp32";
}
