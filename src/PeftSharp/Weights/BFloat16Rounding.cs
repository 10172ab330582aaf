using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PeftSharp.Weights;

/// <summary>float32 to bfloat16, rounded to nearest, ties to even: the upper half of the bits. Not for NaN.</summary>
internal static class BFloat16Rounding
{
    /// <summary>Eight numbers, each in the lower half of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Of(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        return (bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One)) >>> 16;
    }

    /// <summary>One number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Of(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }
}
