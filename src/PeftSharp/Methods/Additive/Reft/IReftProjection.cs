using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>The subspace that states are changed in.</summary>
internal interface IReftProjection
{
    /// <summary>R, [r, width].</summary>
    Tensor Rows(ForwardContext context);
}
