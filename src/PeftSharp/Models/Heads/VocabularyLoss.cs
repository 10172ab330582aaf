using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>
/// Cross-entropy over a vocabulary, in chunks of tokens: logits of all tokens never exist at once, neither forward nor backward.
/// </summary>
/// <remarks>
/// Where the head is frozen and plain, the gradient of a chunk's hidden states is computed with its loss, so that nothing of the head is
/// computed twice.
/// Where something in it is trained, a chunk's logits are computed again in the backward pass.
/// </remarks>
internal static class VocabularyLoss
{
    // Logits at once: 32 MB in float32. A product packs the head's weight anew for each chunk, which few tokens do not pay for.
    private const long Elements = 1 << 23;

    // Fewer tokens would read the head's weight for too little work.
    private const long LeastTokens = 16;

    /// <summary>The mean loss of labelled tokens.</summary>
    /// <param name="hidden">What the head reads of them, [tokens, hidden], with its graph.</param>
    /// <param name="targets">Their labels, each from 0 to below the vocabulary.</param>
    /// <param name="head">The head.</param>
    /// <param name="context">The call.</param>
    public static BatchLoss Of(Tensor hidden, long[] targets, TaskHead head, ForwardContext context)
    {
        var count = targets.Length;
        if (count == 0) return new(hidden.sum().Times(0.0), 0);
        var work = new ChunkedLoss(head, targets, ChunkOf(head.Outputs), context);
        var map = head.VocabularyMap!;
        var mean = !map.IsPlain(context) ? RecomputedLoss.Apply(hidden, work)
            : is_grad_enabled() && hidden.requires_grad ? WithGradient(hidden, work)
            : tensor(work.Sum(hidden) / count, dtype: hidden.dtype, device: hidden.device);
        return new(mean, count);
    }

    /// <summary>Tokens of a chunk.</summary>
    internal static long ChunkOf(long vocabulary) => Math.Max(LeastTokens, Elements / vocabulary);

    private static Tensor WithGradient(Tensor hidden, ChunkedLoss work)
    {
        using var gradient = empty_like(hidden);
        var sum = work.Sum(hidden, gradient);
        using var scaled = gradient.Scale(1.0 / work.Count).alias();
        return KnownGradient.Apply(hidden, tensor(sum / work.Count, dtype: hidden.dtype, device: hidden.device), scaled);
    }
}
