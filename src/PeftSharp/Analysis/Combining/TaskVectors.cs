using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining;

/// <summary>Arithmetic of changes of one matrix, each [rows, columns], float64; results belong to the caller's scope.</summary>
internal static class TaskVectors
{
    /// <summary>One matrix of several.</summary>
    /// <param name="changes">Each with its weight.</param>
    /// <param name="options">How.</param>
    /// <param name="seeds">The seed of each change's draws.</param>
    public static Tensor Combine(IReadOnlyList<(Tensor Change, double Weight)> changes, CombineOptions options, IReadOnlyList<ulong> seeds)
    {
        Tensor Sparse(Tensor change, int i) => options.How switch
        {
            CombineMethod.MagnitudePrune or CombineMethod.Ties => Largest(change, options.Density),
            CombineMethod.DareLinear or CombineMethod.DareTies => Dropped(change, options.Density, seeds[i]),
            _ => change,
        };
        Tensor[] weighted = [.. changes.Select((one, i) => Sparse(one.Change, i).Times(one.Weight))];
        if (options.How is CombineMethod.Ties or CombineMethod.DareTies) return Agreeing(stack(weighted), options.Sign);
        return weighted.Aggregate((sum, next) => sum.Plus(next));
    }

    /// <summary>The change with its largest entries alone.</summary>
    public static Tensor Largest(Tensor change, double density)
    {
        var kept = Math.Max(1, (long)Math.Round(density * change.numel()));
        if (kept >= change.numel()) return change;
        var flat = change.flatten();
        var (_, places) = flat.abs().topk((int)kept);
        return zeros_like(flat).index_copy(0, places, flat.index_select(0, places)).view_as(change);
    }

    // Each entry stays with the probability of the density, enlarged so that the mean is what it was.
    private static Tensor Dropped(Tensor change, double density, ulong seed) => density >= 1 ? change
        : change.mul(DropoutMask.Create(change.shape, ScalarType.Float32, 1 - density, seed).to(change.dtype));

    // Values: [changes, rows, columns]. The mean is over the values that agree, as many as they are.
    private static Tensor Agreeing(Tensor values, SignElection sign)
    {
        var votes = sign == SignElection.Total ? values : values.sign();
        var elected = votes.sum([0]).sign();                                         // 0 where nobody wins
        var agree = values.sign().eq(elected).logical_and(values.IsNot(0)).to(values.dtype);
        return values.mul(agree).sum([0]).div(agree.sum([0]).AtLeast(1.0));
    }
}
