using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial;

/// <summary>The entries with the largest scores among several tensors together.</summary>
internal static class LargestEntries
{
    /// <summary>
    /// For each tensor the row-major positions of its entries among the <paramref name="count"/> largest of all, ascending. Of equal
    /// scores those that come first are taken, so that the choice is the same on every machine.
    /// </summary>
    public static long[][] Find(IReadOnlyList<Tensor> scores, long count)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var all = cat([.. scores.Select(s => s.detach().cpu().reshape(-1))]);
        if (!all.isfinite().all().item<bool>())
            throw new PeftException("Weights or their gradients are not all finite, so none can be chosen; load the base in float32.");
        var least = all.topk((int)count, 0, true, false).values.min();
        var above = all.gt(least).nonzero().reshape(-1).data<long>().ToArray();
        var equal = all.eq(least).nonzero().reshape(-1).data<long>().ToArray();
        long[] chosen = [.. above, .. equal.AsSpan(0, (int)(count - above.Length))];
        Array.Sort(chosen);
        return Share(scores, chosen);
    }

    private static long[][] Share(IReadOnlyList<Tensor> scores, long[] chosen)
    {
        var shares = new long[scores.Count][];
        var (first, next) = (0L, 0);
        for (var i = 0; i < shares.Length; i++)
        {
            var (begin, end) = (next, first + scores[i].numel());
            while (next < chosen.Length && chosen[next] < end) next++;
            var offset = first;
            shares[i] = Array.ConvertAll(chosen[begin..next], position => position - offset);
            first = end;
        }
        return shares;
    }
}
