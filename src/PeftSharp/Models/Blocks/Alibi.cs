using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>
/// ALiBi (Press et al. 2021, arXiv 2108.12409): scores grow with the key's position, by a slope for each head, instead of positions in the
/// input.
/// </summary>
/// <param name="heads">Query heads.</param>
/// <param name="scale">What the numbers are multiplied by, together with the scores.</param>
internal sealed class Alibi(int heads, double scale)
{
    private readonly float[] _slopes = Slopes(heads);

    /// <summary>What is added to the scores of a call.</summary>
    /// <param name="seen">1 at real keys, those of earlier calls included, int64 [rows, keys]; null where nothing is padded.</param>
    /// <param name="packed">Position of each token in its own sequence, int64 [rows, tokens]; null where a row holds one.</param>
    public IKeyBias Of(Tensor? seen, Tensor? packed) => new OfCall(this, seen, packed);

    // In bfloat16, as Falcon was trained and as transformers computes it: neighbouring positions far out are the same.
    private Tensor Scores(Tensor? seen, Tensor? packed, long keys, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var slopes = tensor(_slopes, device: context.Device).view(1, heads, 1, 1).to(ScalarType.BFloat16);
        var numbers = slopes * Positions(seen, packed, keys, context).to(ScalarType.BFloat16); // [rows or 1, heads, 1, keys]
        return numbers.to(ScalarType.Float64).Times(scale).MoveToOuterDisposeScope();
    }

    // Counted from a row's first real token, [rows or 1, 1, 1, keys]; keys of a prefix come before.
    private static Tensor Positions(Tensor? seen, Tensor? packed, long keys, ForwardContext context)
    {
        if (packed is not null)
        {
            var before = Arithmetic.Range(0, keys - packed.shape[1], device: context.Device).unsqueeze(0);
            return cat([before.expand(packed.shape[0], -1), packed], 1).view(-1, 1, 1, keys);
        }
        if (seen is not { } padding) return Arithmetic.Range(0, keys, device: context.Device).view(1, 1, 1, keys);
        var missing = keys - padding.shape[1];
        var real = missing == 0 ? padding : cat([ones([padding.shape[0], missing], ScalarType.Int64, padding.device), padding], 1);
        return (real.cumsum(1).Plus(-1L) * real).view(-1, 1, 1, keys);
    }

    private sealed class OfCall(Alibi alibi, Tensor? seen, Tensor? packed) : IKeyBias
    {
        public Tensor Scores(long queries, long keys, ForwardContext context) => alibi.Scores(seen, packed, keys, context);
    }

    // A geometric row for a power of two; the heads beyond it take every other slope of the next one.
    private static float[] Slopes(int heads)
    {
        var whole = (int)Math.Pow(2, Math.Floor(Math.Log2(heads)));
        IEnumerable<float> Row(int count, int step, int of)
        {
            var start = (float)Math.Pow(2, -Math.Pow(2, -(Math.Log2(of) - 3)));
            return Enumerable.Range(0, count).Select(i => MathF.Pow(start, 1 + step * i));
        }

        return [.. Row(whole, 1, whole), .. Row(heads - whole, 2, 2 * whole)];
    }
}
