
namespace PeftSharp.Runs.Training;

/// <summary>The precision chosen for frozen weights.</summary>
internal sealed record ComputeUse(ComputeType Type, string Reason, string Processor)
{
    public string Name => Type == ComputeType.BFloat16 ? "bf16" : "fp32";
}
