using PeftSharp.Interop.Kernels;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Tensors that lie below each other in one tensor's memory, as that tensor: each gets the gradient of its rows, and nothing is copied.
/// </summary>
/// <param name="whole">The tensor, [rows, in], frozen.</param>
internal sealed class RowsBeside(Tensor whole) : FusedOperation
{
    /// <summary>The whole, in place of its parts in their order.</summary>
    public Tensor Of(Tensor[] parts) => Apply(parts);

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs) => whole.detach();

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        var found = new Tensor?[inputs.Count];
        var row = 0L;
        for (var i = 0; i < found.Length; i++)
        {
            if (inputs[i].requires_grad) found[i] = gradient.narrow(0, row, inputs[i].shape[0]).DetachFromDisposeScope();
            row += inputs[i].shape[0];
        }
        return found;
    }
}
