using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>A mean loss of which the graph keeps what the head reads alone; logits are computed again in the backward pass.</summary>
internal sealed class RecomputedLoss : autograd.SingleTensorFunction<RecomputedLoss>
{
    public override string Name => nameof(RecomputedLoss);

    /// <param name="hidden">What the head reads, [tokens, hidden].</param>
    /// <param name="work">The loss.</param>
    public static Tensor Apply(Tensor hidden, ChunkedLoss work)
    {
        // Autograd calls backward only where an input needs a gradient.
        using var anchor = zeros(0, requires_grad: is_grad_enabled());
        return apply(hidden, anchor, work);
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (hidden, work) = ((Tensor)vars[0], (ChunkedLoss)vars[2]);
        ctx.save_for_backward([hidden]);
        ctx.save_data("work", work);
        return tensor(work.Sum(hidden) / work.Count, dtype: hidden.dtype, device: hidden.device);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ReturnedGradients.Release();
        var (work, saved) = ((ChunkedLoss)ctx.get_data("work"), ctx.get_saved_variables());
        var result = AutogradFailures.Guard<Tensor?>(() => Back(saved[0], work, grad_output), () => null);
        foreach (var tensor in saved) tensor.Dispose();
        grad_output.Dispose();
        return ReturnedGradients.Hand(result, null, null);
    }

    private static Tensor? Back(Tensor hidden, ChunkedLoss work, Tensor factor)
    {
        using var scope = NewDisposeScope();
        return work.Backward(hidden, factor.to(ScalarType.Float64).item<double>())?.DetachFromDisposeScope();
    }
}
