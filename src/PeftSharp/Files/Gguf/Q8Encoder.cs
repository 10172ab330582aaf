using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Files.Gguf;

/// <summary>Weights to blocks of Q8_0: the scale is the largest of 32 by 127, codes are rounded half away from zero.</summary>
internal static unsafe class Q8Encoder
{
    /// <summary>Encodes a contiguous float32 tensor on the CPU whose number of weights is a multiple of 32.</summary>
    /// <exception cref="PeftException">A weight is not finite, or too large for a scale of 16 bits.</exception>
    public static byte[] Encode(Tensor weights)
    {
        var count = weights.numel() / 32;
        var blocks = new byte[count * 34];
        var from = (float*)TensorPointer.Of(weights);
        for (var block = 0L; block < count; block++)
        {
            var values = new ReadOnlySpan<float>(from + block * 32, 32);
            var largest = 0f;
            foreach (var value in values) largest = Math.Max(largest, Math.Abs(value));
            var scale = largest / 127;
            var half = (Half)scale;
            if (!Half.IsFinite(half)) throw new PeftException($"A weight of {largest} was given to be kept as Q8_0, whose scales are "
                + "16-bit floats; keep the model in F16 or F32, or look for what is wrong with it.");
            var inverse = scale == 0 ? 0 : 1 / scale;
            var to = blocks.AsSpan((int)(block * 34), 34);
            BitConverter.TryWriteBytes(to, BitConverter.HalfToUInt16Bits(half));
            for (var i = 0; i < 32; i++) to[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
        }
        GC.KeepAlive(weights);
        return blocks;
    }
}
