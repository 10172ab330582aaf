using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Proof;

/// <summary>What made a proof.</summary>
/// <param name="Library">This library with its version.</param>
/// <param name="Libtorch">Version of libtorch.</param>
/// <param name="Processor">Name of the processor, with the extensions that matter.</param>
public sealed record ProofOrigin(string Library, string Libtorch, string Processor)
{
    /// <summary>This process.</summary>
    internal static ProofOrigin Here => new(
        $"PeftSharp {typeof(ProofOrigin).Assembly.GetName().Version?.ToString(3)}", TorchSharp.torch.__version__,
        ComputeProbe.Choose("fp32").Processor);
}
