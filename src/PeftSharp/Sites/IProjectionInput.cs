using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Changes what a linear map receives.</summary>
public interface IProjectionInput : IProjectionPlugin
{
    /// <summary>The input to use instead of <paramref name="x"/>, [rows, tokens, in].</summary>
    Tensor Input(Tensor x, ForwardContext context);
}
