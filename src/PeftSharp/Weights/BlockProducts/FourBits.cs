using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>Sixteen bytes of codes of four bits: the low halves are the first sixteen, the high ones the others.</summary>
internal static unsafe class FourBits
{
    /// <summary>Adds products with values that are looked up: a lookup reads the low four bits of an index alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        byte* codes, Vector512<float> values, Vector512<float> x, Vector512<float> y, ref Vector512<float> a, ref Vector512<float> b)
    {
        var index = Avx512F.ConvertToVector512Int32(Vector128.Load(codes));
        a = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32(values, index), x, a);
        b = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32(values, index >>> 4), y, b);
    }

    /// <summary>Products of the codes, as the numbers 0 to 15, with 32 inputs, added up by eights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Products(byte* codes, float* x)
    {
        var (first, second, mask) = (Avx2.ConvertToVector256Int32(codes), Avx2.ConvertToVector256Int32(codes + 8), Vector256.Create(0x0F));
        var sums = Vector256.ConvertToSingle(first & mask) * Vector256.Load(x);
        sums = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(second & mask), Vector256.Load(x + 8), sums);
        sums = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(first >>> 4), Vector256.Load(x + 16), sums);
        return Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(second >>> 4), Vector256.Load(x + 24), sums);
    }
}
