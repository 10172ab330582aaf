using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>
/// Keeps a segment's input instead of its activations and computes it again in the backward pass (Chen et al. 2016, arXiv 1604.06174).
/// </summary>
internal static class GradientCheckpoint
{
    /// <summary>segment(x), whose graph is built anew in the backward pass.</summary>
    /// <param name="segment">A function that draws the same random numbers whenever it is called; tensors that it trains are
    /// leaves.</param>
    /// <param name="x">Its input; gradients reach trained tensors even if it needs none itself.</param>
    public static Tensor Run(Func<Tensor, Tensor> segment, Tensor x)
    {
        if (!is_grad_enabled()) return segment(x);
        // Autograd calls backward only where an input needs a gradient.
        var anchor = zeros(0, requires_grad: true);
        return CustomNode.Apply(() => Node.apply(x, anchor, new Work(segment, x)));
    }

    private sealed record Work(Func<Tensor, Tensor> Segment, Tensor Input);

    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(GradientCheckpoint);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var work = (Work)vars[2];
            ctx.save_data("work", work);
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            return work.Segment(work.Input).MoveToOuterDisposeScope();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            ReturnedGradients.Release();
            var work = (Work)ctx.get_data("work");
            var result = AutogradFailures.Guard<Tensor?>(() => Again(work, grad_output), () => null);
            ReturnedGradients.Release(); // those of the segment
            grad_output.Dispose();
            return ReturnedGradients.Hand(result, null, null);
        }

        private static Tensor? Again(Work work, Tensor gradient)
        {
            using var guard = enable_grad();
            using var scope = NewDisposeScope();
            var input = work.Input.detach().requires_grad_(work.Input.requires_grad);
            var output = work.Segment(input);
            // A segment without trained tensors, below the lowest of them, has nothing to learn.
            if (!output.requires_grad) return null;
            autograd.backward([output], [gradient]);
            return work.Input.requires_grad ? input.grad?.clone().DetachFromDisposeScope() : null;
        }
    }
}
