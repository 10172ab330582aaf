using static TorchSharp.torch;

namespace PeftSharp.Quantization;

/// <summary>Splits a count over as many threads as libtorch uses.</summary>
internal static class Ranges
{
    /// <summary>Calls <paramref name="body"/> with [from, to) pieces that cover [0, count), none below <paramref name="grain"/> unless it is the only one.</summary>
    public static void ForEach(long count, long grain, Action<long, long> body)
    {
        var pieces = (int)Math.Clamp(count / grain, 1, get_num_threads());
        if (pieces == 1) body(0, count);
        else Parallel.For(0, pieces, i => body(count * i / pieces, count * (i + 1) / pieces));
    }
}
