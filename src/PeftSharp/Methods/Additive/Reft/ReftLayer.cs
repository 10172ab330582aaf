using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>
/// Changes the states of each sequence's first and last tokens behind a layer. Where they are the same tokens, the last ones count, as in
/// AdapterHub.
/// </summary>
/// <param name="first">How many first tokens.</param>
/// <param name="last">How many last tokens.</param>
/// <param name="atFirst">What changes the first.</param>
/// <param name="atLast">What changes the last; may be the same.</param>
internal sealed class ReftLayer(int first, int last, ReftUnit atFirst, ReftUnit atLast) : ILayerPlugin
{
    // What every layer of a call shares: sequences that are packed into rows lie at the same places in all of them.
    private static readonly object RankKey = new(), AfterKey = new();

    public Tensor Transform(Tensor hidden, ForwardContext context)
    {
        // With a cache the new tokens are counted on: after a short prompt they are among the first ones too.
        if (context.Earlier is { } earlier && earlier.min().item<long>() >= first) return hidden;
        var (rank, after) = Places(hidden, context);
        var result = hidden;
        if (first > 0) result = where(rank.IsBelow(first + 1L).logical_and(rank.NotBelow(1)), atFirst.Forward(hidden, context), result);
        if (last > 0) result = where(after.IsBelow(last).logical_and(rank.NotBelow(1)), atLast.Forward(hidden, context), result);
        return result;
    }

    // For each token its place among the real ones of its sequence, from 1, and how many follow it; int64 [rows or 1, tokens, 1]. Padding
    // has place 0 or less.
    private static (Tensor Rank, Tensor After) Places(Tensor hidden, ForwardContext context)
    {
        var tokens = hidden.shape[1];
        if (context.Segments is { } segments) return (context.Once(RankKey, () => RankIn(segments)), context.Once(AfterKey, () =>
            AfterIn(segments)));
        if (context.Padding is not { } real)
        {
            var all = Arithmetic.Range(1, tokens + 1, device: hidden.device).view(1, -1, 1);
            return (context.Earlier is { } earlier ? all.Plus(earlier.unsqueeze(-1)) : all, all.neg().Plus(tokens));
        }
        var count = real.cumsum(1);
        var after = count.neg().Plus(real.sum(1, keepdim: true));
        // Where the layer yields the first token alone, so do these.
        Tensor Shape(Tensor x) => x.narrow(1, 0, tokens).unsqueeze(-1);
        return (Shape(context.Earlier is { } before ? count.Plus(before) * real : count * real), Shape(after));
    }

    // 1 where two tokens are of one sequence, [rows, tokens, tokens].
    private static Tensor Same(Tensor segments) => segments.unsqueeze(2).eq(segments.unsqueeze(1)).to(ScalarType.Int64);

    private static Tensor RankIn(Tensor segments)
    {
        using var scope = NewDisposeScope();
        var rank = Same(segments).tril().sum([-1L]) * segments.IsNot(0L).to(ScalarType.Int64);
        return rank.unsqueeze(-1).MoveToOuterDisposeScope();
    }

    private static Tensor AfterIn(Tensor segments)
    {
        using var scope = NewDisposeScope();
        return Same(segments).triu(1).sum([-1L]).unsqueeze(-1).MoveToOuterDisposeScope();
    }
}
