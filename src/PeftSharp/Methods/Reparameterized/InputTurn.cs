using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>
/// Turns what a linear map reads: a row x becomes x·R, so that y = W·Rᵀ·x, and merging multiplies the weight. The weight itself is not
/// needed for it, quantised or not.
/// </summary>
/// <remarks>
/// Whatever else acts at the map reads the turned input. Several turns at one map act in the order of the selection, as in peft, and those
/// of one adapter in the order of its parts.
/// </remarks>
internal abstract class InputTurn : IProjectionInput, IMergeableProjection
{
    public Tensor Input(Tensor x, ForwardContext context) => Turn(x, back: false, context);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => Turn(weight, back: true, context);

    /// <summary>Rows [.., in] times R, or times Rᵀ.</summary>
    protected abstract Tensor Turn(Tensor rows, bool back, ForwardContext context);
}
