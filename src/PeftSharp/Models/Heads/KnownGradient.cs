using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>A number whose gradient by a tensor was computed with it.</summary>
internal sealed class KnownGradient : autograd.SingleTensorFunction<KnownGradient>
{
    public override string Name => nameof(KnownGradient);

    /// <param name="x">The tensor.</param>
    /// <param name="value">The number.</param>
    /// <param name="gradient">Its gradient, of the tensor's shape.</param>
    public static Tensor Apply(Tensor x, Tensor value, Tensor gradient) => apply(x, value, gradient);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.save_for_backward([(Tensor)vars[2]]);
        return (Tensor)vars[1];
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ReturnedGradients.Release();
        var saved = ctx.get_saved_variables();
        var result = AutogradFailures.Guard<Tensor?>(() => Scaled(saved[0], grad_output), () => null);
        foreach (var tensor in saved) tensor.Dispose();
        grad_output.Dispose();
        return ReturnedGradients.Hand(result, null, null);
    }

    private static Tensor Scaled(Tensor gradient, Tensor by)
    {
        using var guard = no_grad();
        return (gradient * by).DetachFromDisposeScope();
    }
}
