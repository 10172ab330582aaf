using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>The loss of some tokens, a chunk at a time.</summary>
internal sealed class ChunkedLoss(TaskHead head, long[] targets, long chunk, ForwardContext context)
{
    /// <summary>Tokens.</summary>
    public int Count => targets.Length;

    /// <summary>The sum of losses, without a graph. [tokens, hidden].</summary>
    public double Sum(Tensor hidden)
    {
        using var guard = no_grad();
        var sum = 0.0;
        foreach (var (first, count) in Chunks)
        {
            using var scope = NewDisposeScope();
            var call = CallOf(first);
            var logits = Logits(hidden.narrow(0, first, count), call);
            sum += LossAndShares(logits, first, count, shares: false);
            call.Release();
        }
        return sum;
    }

    /// <summary>
    /// The same, with the sum's gradient by the hidden states written into <paramref name="gradient"/>. The head is frozen.
    /// </summary>
    public double Sum(Tensor hidden, Tensor gradient)
    {
        var sum = 0.0;
        foreach (var (first, count) in Chunks)
        {
            using var scope = NewDisposeScope();
            var call = CallOf(first);
            Tensor part, logits;
            using (enable_grad())
            {
                part = hidden.detach().narrow(0, first, count).requires_grad_(true);
                logits = Logits(part, call);
            }
            using var guard = no_grad();
            var shares = logits.detach();
            sum += LossAndShares(shares, first, count, shares: true);
            autograd.backward([logits], [shares]);
            AutogradFailures.ThrowIfAny();
            gradient.narrow(0, first, count).copy_(part.grad!);
            call.Release();
        }
        return sum;
    }

    /// <summary>The mean's gradient, once more from the beginning: tensors that the head trains get theirs added.</summary>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="factor">What the mean's gradient is multiplied by.</param>
    /// <returns>By the hidden states, in the caller's scope; null where they need none.</returns>
    public Tensor? Backward(Tensor hidden, double factor)
    {
        var result = hidden.requires_grad ? empty_like(hidden) : null;
        foreach (var (first, count) in Chunks)
        {
            using var scope = NewDisposeScope();
            using var guard = enable_grad();
            var call = CallOf(first);
            var part = hidden.detach().narrow(0, first, count).requires_grad_(hidden.requires_grad);
            var logits = Logits(part, call);
            if (logits.requires_grad)
            {
                var shares = logits.detach().clone();
                using (no_grad()) LossAndShares(shares, first, count, shares: true);
                autograd.backward([logits], [shares.Times(factor / Count)]);
                using (no_grad()) result?.narrow(0, first, count).copy_(part.grad!);
            }
            call.Release();
        }
        return result;
    }

    private IEnumerable<(long First, long Count)> Chunks
    {
        get
        {
            for (var first = 0L; first < Count; first += chunk) yield return (first, Math.Min(chunk, Count - first));
        }
    }

    // A call of its own: what is drawn in one chunk is not drawn in the next.
    private ForwardContext CallOf(long first) => context.Recompute() with { Seed = SeedSequence.Derive(context.Seed, (ulong)first) };

    // [tokens, vocabulary]
    private Tensor Logits(Tensor part, ForwardContext call) => head.Forward(part.unsqueeze(0), null, call).squeeze(0);

    // The sum of −log softmax at the targets; where shares are wanted, the logits become its gradient: softmax − 1 at the target.
    private double LossAndShares(Tensor logits, long first, long count, bool shares)
    {
        var wanted = targets.AsSpan((int)first, (int)count);
        if (FusedOperation.Fits(logits) && logits.is_contiguous()) return SoftmaxLoss.Sum(logits, wanted, shares);
        var places = tensor(wanted.ToArray(), dtype: ScalarType.Int64, device: logits.device).unsqueeze(1);
        var normaliser = logits.logsumexp(1, keepdim: true);                         // [tokens, 1]
        var sum = normaliser.sub(logits.gather(1, places)).to(ScalarType.Float64).sum().item<double>();
        if (shares) logits.sub_(normaliser).exp_().scatter_add_(1, places,
            Arithmetic.Filled(places.shape, -1, logits.dtype, logits.device));
        return sum;
    }
}
