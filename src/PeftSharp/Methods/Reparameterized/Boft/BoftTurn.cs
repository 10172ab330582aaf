using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Boft;

/// <summary>
/// Turns a linear map's input by orthogonal factors, each block-diagonal in an order of its own: x · Fₙ · … · F₁, F = P · blocks · Pᵀ (Liu
/// et al. 2024, arXiv 2311.06243).
/// </summary>
/// <param name="turns">[factors, blocks, size, size]; their skew-symmetric halves make the blocks.</param>
/// <param name="orders">For each factor the order and the one that undoes it, int64 [in]; null where there is one factor.</param>
/// <param name="dropout">Share of the blocks of one factor that do nothing in training.</param>
internal sealed class BoftTurn(AdapterTensor turns, IReadOnlyList<(Tensor To, Tensor Back)>? orders, double dropout) : InputTurn
{
    protected override Tensor Turn(Tensor rows, bool back, ForwardContext context)
    {
        var numbers = turns.Get(context);
        var skew = numbers.Plus(numbers.transpose(-2, -1), -1).Times(0.5);
        var blocks = Cayley.Exact(skew);
        var count = (int)blocks.shape[0];
        // peft leaves blocks out of one factor alone.
        var dropped = context.Training && dropout > 0
            ? (int)(SeedSequence.Derive(context.Seed, $"{turns.Name}.factor") % (ulong)count)
            : -1;
        for (var step = 0; step < count; step++)
        {
            var factor = back ? step : count - 1 - step;
            var own = factor == dropped
                ? Cayley.Drop(blocks[factor], dropout, SeedSequence.Derive(context.Seed, turns.Name))
                : blocks[factor];
            rows = Turn(rows, own, factor, back);
        }
        return rows;
    }

    // P takes a number to the place that the order names for it, and so does its inverse for Pᵀ.
    private Tensor Turn(Tensor rows, Tensor blocks, int factor, bool back)
    {
        if (orders is null) return Cayley.Turn(rows, blocks, back);
        var (to, from) = orders[factor];
        return Cayley.Turn(rows.index_select(-1, from), blocks, back).index_select(-1, to);
    }
}
