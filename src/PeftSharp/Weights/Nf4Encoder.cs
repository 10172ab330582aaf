using System.Runtime.Intrinsics;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Weights to NF4 codes and scales.</summary>
internal static unsafe class Nf4Encoder
{
    private const long Grain = 1 << 15; // weights

    // Midpoints of neighbouring levels: the code of x is the number of midpoints below it.
    private static readonly float[] Midpoints =
    [
        -0.8480964004993439f, -0.6106329262256622f, -0.4599952697753906f, -0.33967943489551544f, -0.23460740596055984f,
        -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f, 0.1202552504837513f, 0.2035212516784668f,
        0.2920137718319893f, 0.3893125355243683f, 0.5016634166240692f, 0.6427869200706482f, 0.8614784181118011f,
    ];

    public static void Encode(Tensor weights, long count, int block, Tensor codes, Tensor absmax)
    {
        float* from = (float*)TensorPointer.Of(weights), scales = (float*)TensorPointer.Of(absmax);
        var to = TensorPointer.Of(codes);
        Ranges.ForEach(Nf4Codec.Blocks(count, block), Math.Max(1, Grain / block), (first, last) =>
        {
            for (var b = first; b < last; b++)
            {
                var start = b * block;
                EncodeBlock(from + start, (int)Math.Min(block, count - start), to + start / 2, out scales[b]);
            }
        });
        GC.KeepAlive(weights);
        GC.KeepAlive(codes);
        GC.KeepAlive(absmax);
    }

    private static void EncodeBlock(float* weights, int count, byte* codes, out float absmax)
    {
        absmax = MaxMagnitude(weights, count);
        var inverse = 1f / Math.Max(absmax, 1e-38f); // as bitsandbytes: a product, which rounds unlike a quotient
        var eight = stackalloc int[8];
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            var x = Vector256.Load(weights + i) * inverse;
            var code = Vector256<int>.Zero;
            foreach (var midpoint in Midpoints) code -= Vector256.GreaterThan(x, Vector256.Create(midpoint)).AsInt32();
            code.Store(eight);
            for (var k = 0; k < 4; k++) codes[i / 2 + k] = (byte)(eight[2 * k] << 4 | eight[2 * k + 1]);
        }
        for (; i < count; i += 2)
            codes[i / 2] = (byte)(Code(weights[i] * inverse) << 4 | Code(i + 1 < count ? weights[i + 1] * inverse : 0f));
    }

    private static int Code(float x)
    {
        var code = 0;
        foreach (var midpoint in Midpoints) code += x > midpoint ? 1 : 0;
        return code;
    }

    // NaN and infinity come through, so that the caller can refuse them.
    private static float MaxMagnitude(float* weights, int count)
    {
        var max = Vector256<float>.Zero;
        var i = 0;
        for (; i <= count - 8; i += 8) max = Vector256.Max(max, Vector256.Abs(Vector256.Load(weights + i)));
        var most = 0f;
        for (var k = 0; k < 8; k++) most = Math.Max(most, max[k]);
        for (; i < count; i++) most = Math.Max(most, Math.Abs(weights[i]));
        return most;
    }
}
