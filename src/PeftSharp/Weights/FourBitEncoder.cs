using System.Runtime.Intrinsics;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Weights to codes of four bits and scales.</summary>
internal static unsafe class FourBitEncoder
{
    private const long Grain = 1 << 15; // weights

    public static void Encode(Tensor weights, long count, int block, FourBitCode code, Tensor codes, Tensor absmax)
    {
        float* from = (float*)TensorPointer.Of(weights), scales = (float*)TensorPointer.Of(absmax);
        var to = TensorPointer.Of(codes);
        Ranges.ForEach(FourBitCodec.Blocks(count, block), Math.Max(1, Grain / block), (first, last) =>
        {
            for (var b = first; b < last; b++)
            {
                var start = b * block;
                EncodeBlock(from + start, (int)Math.Min(block, count - start), code, to + start / 2, out scales[b]);
            }
        });
        GC.KeepAlive(weights);
        GC.KeepAlive(codes);
        GC.KeepAlive(absmax);
    }

    private static void EncodeBlock(float* weights, int count, FourBitCode code, byte* codes, out float absmax)
    {
        absmax = Magnitude.Largest(weights, count);
        var inverse = 1f / Math.Max(absmax, 1e-38f); // as bitsandbytes: a product, which rounds unlike a quotient
        var midpoints = code.Midpoints;
        var inOrder = code.Codes;
        var eight = stackalloc int[8];
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            var x = Vector256.Load(weights + i) * inverse;
            var place = Vector256<int>.Zero;
            foreach (var midpoint in midpoints) place -= Vector256.GreaterThan(x, Vector256.Create(midpoint)).AsInt32();
            place.Store(eight);
            for (var k = 0; k < 4; k++) codes[i / 2 + k] = Pair(inOrder, eight[2 * k], eight[2 * k + 1]);
        }
        for (; i < count; i += 2)
            codes[i / 2] = Pair(
                inOrder, Place(midpoints, weights[i] * inverse), Place(midpoints, i + 1 < count ? weights[i + 1] * inverse : 0f));
    }

    private static byte Pair(ReadOnlySpan<byte> inOrder, int first, int second) => (byte)(inOrder[first] << 4 | inOrder[second]);

    private static int Place(ReadOnlySpan<float> midpoints, float x)
    {
        var place = 0;
        foreach (var midpoint in midpoints) place += x > midpoint ? 1 : 0;
        return place;
    }
}
