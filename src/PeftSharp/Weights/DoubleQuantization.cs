using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Scales that are quantised in turn (Dettmers et al. 2023, section 3): less their mean, in blocks of 256, to the 256
/// levels of a dynamic map (Dettmers 2016, arXiv 1511.04561). Saves 0.37 bits per weight at a block size of 64.
/// </summary>
internal static class DoubleQuantization
{
    /// <summary>Scales that share a nested scale.</summary>
    public const int Block = 256;

    private static readonly float[] Values = Levels();

    /// <summary>The 256 levels, ascending, from -0.993 to 1.</summary>
    public static ReadOnlySpan<float> Map => Values;

    /// <summary>Quantises scales, float32, [n].</summary>
    /// <returns>
    /// New tensors in no dispose scope, the caller's: codes, uint8, [n], and nested scales, float32, [n / 256 rounded up]; and the mean.
    /// </returns>
    public static (Tensor Codes, Tensor Nested, float Offset) Encode(Tensor absmax)
    {
        using var scope = NewDisposeScope();
        var offset = absmax.mean().item<float>();
        var centred = (absmax - absmax.mean()).contiguous();
        var (codes, nested) = EncodeBlocks(centred.data<float>().ToArray());
        return (tensor(codes).DetachFromDisposeScope(), tensor(nested).DetachFromDisposeScope(), offset);
    }

    /// <summary>Blockwise 8-bit quantisation: codes and the largest magnitude of each block of 256.</summary>
    internal static (byte[] Codes, float[] Absmax) EncodeBlocks(ReadOnlySpan<float> x)
    {
        var codes = new byte[x.Length];
        var absmax = new float[(x.Length + Block - 1) / Block];
        for (var b = 0; b < absmax.Length; b++)
        {
            var (from, to) = (b * Block, Math.Min(x.Length, (b + 1) * Block));
            foreach (var value in x[from..to]) absmax[b] = Math.Max(absmax[b], Math.Abs(value));
            var inverse = absmax[b] > 0 ? 1f / absmax[b] : 0f;
            for (var i = from; i < to; i++) codes[i] = absmax[b] > 0 ? Nearest(x[i] * inverse) : (byte)0;
        }
        return (codes, absmax);
    }

    // bitsandbytes looks codes up on a grid of 65536 points; between two levels that shows. Of two equally near, the lower.
    private static byte Nearest(float scaled)
    {
        var point = Math.Floor((scaled + 1f) * 32767.5f + 0.5);
        var x = (float)(point / 32767.5 - 1);
        var at = Values.AsSpan().BinarySearch(x);
        if (at >= 0) return (byte)at;
        at = ~at;
        if (at == 0) return 0;
        if (at == Values.Length) return 255;
        return (byte)(Values[at] - x < x - Values[at - 1] ? at : at - 1);
    }

    // Seven decades; decade i holds the midpoints of 2^i equal steps from 0.1 to 1, both signs; then 0 and 1.
    private static float[] Levels()
    {
        var levels = new List<float> { 0f, 1f };
        for (var i = 0; i < 7; i++)
        {
            var (steps, decade) = (1 << i, (float)Math.Pow(10, i - 6));
            for (var k = 0; k < steps; k++)
            {
                var level = decade * ((Boundary(k, steps) + Boundary(k + 1, steps)) / 2f);
                levels.Add(level);
                levels.Add(-level);
            }
        }
        return [.. levels.Order()];
    }

    // float32, from the nearer end, each product and sum rounded once: the last bits are those of the reference's map.
    private static float Boundary(int k, int steps)
    {
        var step = (1f - 0.1f) / steps;
        return k < (steps + 1) / 2 ? MathF.FusedMultiplyAdd(step, k, 0.1f) : MathF.FusedMultiplyAdd(-step, steps - k, 1f);
    }
}
