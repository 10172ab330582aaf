using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.RandLora;

/// <summary>
/// The random bases that all maps share, drawn as peft draws them: in bfloat16, scaled to a deviation of one, from one generator on the
/// CPU.
/// </summary>
/// <param name="Rank">Rank of each base.</param>
/// <param name="Narrow">The largest smaller width of a map.</param>
/// <param name="Wide">The largest greater width of a map.</param>
/// <param name="Key">The generator's seed.</param>
internal sealed record RandomBases(long Rank, long Narrow, long Wide, long Key)
{
    /// <summary>How many bases of this rank a matrix needs for its full rank.</summary>
    public static long Count(long narrow, long rank) => (narrow + rank - 1) / rank;

    /// <summary>A [rank, 1, narrow] and B [wide, bases, rank].</summary>
    public (Tensor A, Tensor B) Draw()
    {
        using var generator = new Generator((ulong)Key);
        Tensor Next(long rows, long columns)
        {
            var bound = 1 / Math.Sqrt(columns);
            // PyTorch draws bfloat16 in float32 since 2.13, as peft's reference numbers were; older versions draw other numbers.
            var drawn = zeros(rows, 1, columns, dtype: ScalarType.Float32).uniform_(-bound, bound, generator).to(ScalarType.BFloat16);
            // What rounding brings to the upper bound, which is not in the range, becomes the lower one.
            var upper = Arithmetic.Filled([], bound, ScalarType.BFloat16, CPU);
            return where(drawn.eq(upper), upper.neg(), drawn);
        }
        var a = Next(Rank, Narrow);
        Tensor[] parts = [.. Enumerable.Range(0, (int)Count(Narrow, Rank)).Select(_ => Next(Wide, Rank))];
        var b = cat(parts, 1);
        return (a / a.std(), b / b.std());
    }

    /// <summary>The same of −1, 0 and 1 alone, all but one in <paramref name="sparsity"/> zero before the scaling (float32).</summary>
    public (Tensor A, Tensor B) DrawSparse(double sparsity)
    {
        using var generator = new Generator((ulong)Key);
        Tensor Next(params long[] shape)
        {
            var drawn = rand(shape, ScalarType.Float32, generator: generator);
            var edge = 1 / (2 * sparsity);
            // Above the upper edge one, below the lower one minus one.
            var above = drawn.neg().NotBelow(-(1 - edge)).logical_not();
            return above.to(ScalarType.Float32).Plus(drawn.NotBelow(edge).logical_not().to(ScalarType.Float32), -1);
        }
        var (a, b) = (Next(Rank, 1, Narrow), Next(Wide, Count(Narrow, Rank), Rank));
        return (a / a.std(), b / b.std());
    }
}
