using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights;

/// <summary>Products of a row of weights with rows of float32 numbers; counts are multiples of 32 unless it says otherwise.</summary>
internal static unsafe class RowDots
{
    /// <summary>Of float32 weights, any number of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Single(float* weights, float* x, long count)
    {
        var (first, second, third, fourth) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        var i = 0L;
        for (; i <= count - 32; i += 32)
        {
            first = Vector256.FusedMultiplyAdd(Vector256.Load(weights + i), Vector256.Load(x + i), first);
            second = Vector256.FusedMultiplyAdd(Vector256.Load(weights + i + 8), Vector256.Load(x + i + 8), second);
            third = Vector256.FusedMultiplyAdd(Vector256.Load(weights + i + 16), Vector256.Load(x + i + 16), third);
            fourth = Vector256.FusedMultiplyAdd(Vector256.Load(weights + i + 24), Vector256.Load(x + i + 24), fourth);
        }
        var sum = Vector256.Sum(first + second + (third + fourth));
        for (; i < count; i++) sum += weights[i] * x[i];
        return sum;
    }

    /// <summary>Of bfloat16 weights, any number of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Half(ushort* weights, float* x, long count)
    {
        var (first, second, third, fourth) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        var i = 0L;
        for (; i <= count - 32; i += 32)
        {
            var (a, b) = Vector256.Widen(Vector256.Load(weights + i));
            var (c, d) = Vector256.Widen(Vector256.Load(weights + i + 16));
            first = Vector256.FusedMultiplyAdd((a << 16).AsSingle(), Vector256.Load(x + i), first);
            second = Vector256.FusedMultiplyAdd((b << 16).AsSingle(), Vector256.Load(x + i + 8), second);
            third = Vector256.FusedMultiplyAdd((c << 16).AsSingle(), Vector256.Load(x + i + 16), third);
            fourth = Vector256.FusedMultiplyAdd((d << 16).AsSingle(), Vector256.Load(x + i + 24), fourth);
        }
        var sum = Vector256.Sum(first + second + (third + fourth));
        for (; i < count; i++) sum += BitConverter.UInt32BitsToSingle((uint)weights[i] << 16) * x[i];
        return sum;
    }

    /// <summary>Of a few float32 weights, any number of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Few(float* weights, float* x, int count)
    {
        if (count == 8) return Vector256.Sum(Vector256.Load(weights) * Vector256.Load(x));
        var (sums, i) = (Vector256<float>.Zero, 0);
        for (; i <= count - 8; i += 8) sums = Vector256.FusedMultiplyAdd(Vector256.Load(weights + i), Vector256.Load(x + i), sums);
        var sum = Vector256.Sum(sums);
        for (; i < count; i++) sum += weights[i] * x[i];
        return sum;
    }

    /// <summary>Of blocks of 32 codes of four bits with a scale and a minimum, both half-precision (GGUF's Q4_1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float FourBitsWithMinimum(byte* blocks, float* x, long count)
    {
        var (even, odd, minima) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        for (var i = 0L; i < count; i += 32, blocks += 20)
        {
            var (scale, minimum) = (Vector256.Create(Half(blocks)), Vector256.Create(Half(blocks + 2)));
            var codes = Vector128.Load(blocks + 4);
            Products(codes, x + i, out var a, out var b);
            even = Vector256.FusedMultiplyAdd(a, scale, even);
            odd = Vector256.FusedMultiplyAdd(b, scale, odd);
            minima = Vector256.FusedMultiplyAdd(Sum(x + i), minimum, minima);
        }
        return Vector256.Sum(even + odd + minima);
    }

    /// <summary>Of blocks of 32 codes of four bits around 8, with a half-precision scale (GGUF's Q4_0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float FourBits(byte* blocks, float* x, long count)
    {
        var (even, odd) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var middle = Vector256.Create(-8f);
        for (var i = 0L; i < count; i += 32, blocks += 18)
        {
            var scale = Vector256.Create(Half(blocks));
            Products(Vector128.Load(blocks + 2), x + i, out var a, out var b);
            even = Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Sum(x + i), middle, a), scale, even);
            odd = Vector256.FusedMultiplyAdd(b, scale, odd);
        }
        return Vector256.Sum(even + odd);
    }

    /// <summary>Of blocks of 32 codes of eight bits with a half-precision scale (GGUF's Q8_0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float EightBits(byte* blocks, float* x, long count)
    {
        var (even, odd) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (var i = 0L; i < count; i += 32, blocks += 34)
        {
            var scale = Vector256.Create(Half(blocks));
            var codes = (sbyte*)blocks + 2;
            var a = Signed(codes) * Vector256.Load(x + i);
            var b = Signed(codes + 8) * Vector256.Load(x + i + 8);
            a = Vector256.FusedMultiplyAdd(Signed(codes + 16), Vector256.Load(x + i + 16), a);
            b = Vector256.FusedMultiplyAdd(Signed(codes + 24), Vector256.Load(x + i + 24), b);
            even = Vector256.FusedMultiplyAdd(a, scale, even);
            odd = Vector256.FusedMultiplyAdd(b, scale, odd);
        }
        return Vector256.Sum(even + odd);
    }

    // Codes of a block: the low halves of 16 bytes come first, then the high ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Products(Vector128<byte> codes, float* x, out Vector256<float> a, out Vector256<float> b)
    {
        var mask = Vector128.Create((byte)0x0F);
        Vector128<byte> low = codes & mask, high = (codes.AsUInt16() >>> 4).AsByte() & mask;
        a = Unsigned(low.GetLower()) * Vector256.Load(x);
        b = Unsigned(low.GetUpper()) * Vector256.Load(x + 8);
        a = Vector256.FusedMultiplyAdd(Unsigned(high.GetLower()), Vector256.Load(x + 16), a);
        b = Vector256.FusedMultiplyAdd(Unsigned(high.GetUpper()), Vector256.Load(x + 24), b);
    }

    /// <summary>Sums of every eighth of 32 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sum(float* x) =>
        Vector256.Load(x) + Vector256.Load(x + 8) + (Vector256.Load(x + 16) + Vector256.Load(x + 24));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Unsigned(Vector64<byte> codes)
    {
        var wide = Vector128.WidenLower(codes.ToVector128Unsafe());
        return Vector256.ConvertToSingle(Vector256.WidenLower(wide.ToVector256Unsafe()).AsInt32());
    }

    /// <summary>Eight codes as numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Signed(sbyte* codes)
    {
        if (Avx2.IsSupported) return Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(codes));
        var wide = Vector128.WidenLower(Vector64.Load(codes).ToVector128Unsafe());
        return Vector256.ConvertToSingle(Vector256.WidenLower(wide.ToVector256Unsafe()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* at) => (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(at));
}
