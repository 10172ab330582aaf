using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>
/// Hands a tensor on and shows its gradient to a reader in the backward pass, summed over all places where the graph reads it. Nothing is
/// kept of it afterwards, unlike the gradient of a leaf.
/// </summary>
internal sealed class GradientTap : autograd.SingleTensorFunction<GradientTap>
{
    /// <inheritdoc/>
    public override string Name => nameof(GradientTap);

    /// <summary>The same values, whose gradient <paramref name="read"/> sees; it must not keep the tensor.</summary>
    public static Tensor Of(Tensor value, Action<Tensor> read)
    {
        // Autograd calls backward only where an input needs a gradient.
        using var anchor = zeros(0, requires_grad: true);
        return apply(value.detach(), anchor, read);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.save_data("read", vars[2]);
        return ((Tensor)vars[0]).detach();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var read = (Action<Tensor>)ctx.get_data("read");
        AutogradFailures.Guard<object?>(
            () =>
            {
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                read(grad_output);
                return null;
            },
            () => null);
        grad_output.Dispose();
        return [null!, null!, null!];
    }
}
