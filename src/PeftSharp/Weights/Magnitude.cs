using System.Runtime.Intrinsics;

namespace PeftSharp.Weights;

/// <summary>The largest magnitude of a stretch of weights: the scale of a block or a row.</summary>
internal static unsafe class Magnitude
{
    /// <summary>The largest; NaN and infinity come through, so that the caller can refuse them.</summary>
    public static float Largest(float* weights, long count)
    {
        var max = Vector256<float>.Zero;
        var i = 0L;
        for (; i <= count - 8; i += 8) max = Vector256.Max(max, Vector256.Abs(Vector256.Load(weights + i)));
        var most = 0f;
        for (var k = 0; k < 8; k++) most = Math.Max(most, max[k]);
        for (; i < count; i++) most = Math.Max(most, Math.Abs(weights[i]));
        return most;
    }
}
