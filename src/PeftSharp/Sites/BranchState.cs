using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>What a plug-in sees of a residual branch.</summary>
/// <param name="Input">What the branch read, [rows, tokens, hidden].</param>
/// <param name="Residual">What the branch's output will be added to; the same as the input in post-norm models.</param>
/// <param name="Norm">The model's norm over the sum, in post-norm models; null in pre-norm models.</param>
public readonly record struct BranchState(Tensor Input, Tensor Residual, Norm? Norm);
