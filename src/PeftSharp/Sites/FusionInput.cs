using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>What a fusion works on.</summary>
/// <param name="BeforeNorm">The branch's output, before the model's norm; a parallel adapter has the residual stream here.</param>
/// <param name="Read">What the adapters read.</param>
/// <param name="Residual">What their result is added to.</param>
public readonly record struct FusionInput(Tensor BeforeNorm, Tensor Read, Tensor Residual);
