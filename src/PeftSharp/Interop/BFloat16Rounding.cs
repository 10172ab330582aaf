using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PeftSharp.Interop;

/// <summary>float32 to bfloat16, rounded to nearest, ties to even: the upper half of the bits. Not for NaN.</summary>
internal static unsafe class BFloat16Rounding
{
    /// <summary>Eight numbers, each in the lower half of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Of(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        return (bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One)) >>> 16;
    }

    /// <summary>Many numbers.</summary>
    public static void Write(float* from, ushort* to, long count)
    {
        var i = 0L;
        for (; i <= count - 16; i += 16)
        {
            var (first, second) = (Of(Vector256.Load(from + i)), Of(Vector256.Load(from + i + 8)));
            Vector256.Narrow(first, second).Store(to + i);
        }
        for (; i < count; i++) to[i] = Of(from[i]);
    }

    /// <summary>One number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Of(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }
}
