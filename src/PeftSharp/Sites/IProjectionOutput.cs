using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Changes what a linear map yields, bias included.</summary>
public interface IProjectionOutput : IProjectionPlugin
{
    /// <summary>The output to use instead of <paramref name="y"/>, [rows, tokens, out].</summary>
    Tensor Output(Tensor y, ForwardContext context);
}
