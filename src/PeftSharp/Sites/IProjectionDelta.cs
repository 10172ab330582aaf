using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Adds to what a linear map yields.</summary>
public interface IProjectionDelta : IProjectionPlugin
{
    /// <summary>True if <see cref="Delta"/> reads W·x; otherwise the bias may be in it already.</summary>
    bool ReadsProduct => false;

    /// <summary>
    /// What to add to W·x, [rows, tokens, out]; returned rather than added, so that a gate or a row selection can scale or route it.
    /// </summary>
    /// <param name="x">[rows, tokens, in].</param>
    /// <param name="wx">W·x without bias, [rows, tokens, out].</param>
    /// <param name="weight">The weight in use.</param>
    /// <param name="context">The call.</param>
    Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context);
}
