using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>
/// linear(dropout(x), W) of a small trained W as one node of the graph, which keeps x alone: mask and dropped input are drawn again in the
/// backward pass.
/// </summary>
internal sealed class DroppedLinear : autograd.SingleTensorFunction<DroppedLinear>
{
    public override string Name => nameof(DroppedLinear);

    /// <param name="x">[…, in], float32.</param>
    /// <param name="weight">[out, in], float32.</param>
    /// <param name="p">Probability of dropping an input, above 0.</param>
    /// <param name="seed">Seed of the mask.</param>
    public static Tensor Apply(Tensor x, Tensor weight, double p, ulong seed)
    {
        var call = new Call(p, seed, x.requires_grad);
        var y = CustomNode.Apply(() => apply(x, weight, call));
        call.Output?.Dispose(); // a second handle to what y holds
        return y;
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, weight, call) = ((Tensor)vars[0], (Tensor)vars[1], (Call)vars[2]);
        // The input is read for the gradient of the weight alone.
        ctx.save_for_backward(weight.requires_grad ? [weight, x] : [weight]);
        ctx.save_data("call", call);
        using var guard = no_grad();
        using var dropped = DropoutMask.Dropped(x, call.P, call.Seed);
        return call.Output = nn.functional.linear(dropped, weight);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ReturnedGradients.Release();
        var call = (Call)ctx.get_data("call");
        var saved = ctx.get_saved_variables();
        var result =
            AutogradFailures.Guard<(Tensor? Input, Tensor? Weight)>(
                () => Back(saved[0], saved.Count > 1 ? saved[1] : null, grad_output, call), () => (null, null));
        foreach (var tensor in saved) tensor.Dispose();
        grad_output.Dispose();
        return ReturnedGradients.Hand(result.Input, result.Weight, null);
    }

    private static (Tensor? Input, Tensor? Weight) Back(Tensor weight, Tensor? x, Tensor gradient, Call call)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Tensor? toInput = null, toWeight = null;
        if (x is not null)
            toWeight = matmul(
                gradient.reshape(-1, weight.shape[0]).t(),
                DropoutMask.Dropped(x, call.P, call.Seed).view(-1, weight.shape[1])).DetachFromDisposeScope();
        if (call.InputNeedsGradient)
            toInput = DropoutMask.Dropped(matmul(gradient, weight), call.P, call.Seed).DetachFromDisposeScope();
        return (toInput, toWeight);
    }

    private sealed class Call(double p, ulong seed, bool inputNeedsGradient)
    {
        public bool InputNeedsGradient { get; } = inputNeedsGradient;

        public double P { get; } = p;

        public ulong Seed { get; } = seed;

        public Tensor? Output { get; set; }
    }
}
