using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>Q8_0: a scale d, 32 signed bytes; d · q.</summary>
internal readonly unsafe struct ByteBlock : IBlock
{
    /// <inheritdoc/>
    public static int Bytes => 34;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        byte* block, float* scales, Vector512<float> x, Vector512<float> y, ref Vector512<float> a, ref Vector512<float> b)
    {
        var codes = (sbyte*)block + 2;
        var products = Vector512.FusedMultiplyAdd(Numbers(codes + 16), y, Numbers(codes) * x);
        a = Vector512.FusedMultiplyAdd(products, Vector512.Create(scales[0]), a);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(byte* block, float* scales, float* x, Vector256<float> total, ref Vector256<float> sums)
    {
        var codes = (sbyte*)block + 2;
        var products = RowDots.Signed(codes) * Vector256.Load(x);
        products = Vector256.FusedMultiplyAdd(RowDots.Signed(codes + 8), Vector256.Load(x + 8), products);
        products = Vector256.FusedMultiplyAdd(RowDots.Signed(codes + 16), Vector256.Load(x + 16), products);
        products = Vector256.FusedMultiplyAdd(RowDots.Signed(codes + 24), Vector256.Load(x + 24), products);
        sums = Vector256.FusedMultiplyAdd(products, Vector256.Create(scales[0]), sums);
    }

    /// <inheritdoc/>
    public static float Row(byte* blocks, float* x, long columns) => RowDots.EightBits(blocks, x, columns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Numbers(sbyte* codes) =>
        Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(codes)));
}
