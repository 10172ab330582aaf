using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>Q4_1: a scale d, a minimum m, 16 bytes of codes; d · q + m.</summary>
internal readonly unsafe struct MinimumBlock : IFourBits
{
    /// <inheritdoc/>
    public static int Bytes => 20;

    /// <inheritdoc/>
    public static int Codes => 4;

    /// <inheritdoc/>
    public static bool HasMinimum => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        byte* block, float* scales, Vector512<float> x, Vector512<float> y, ref Vector512<float> a, ref Vector512<float> b)
    {
        var codes = Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        var values = Vector512.FusedMultiplyAdd(codes, Vector512.Create(scales[0]), Vector512.Create(scales[1]));
        FourBits.Add(block + 4, values, x, y, ref a, ref b);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(byte* block, float* scales, float* x, Vector256<float> total, ref Vector256<float> sums)
    {
        var minima = Vector256.FusedMultiplyAdd(total, Vector256.Create(scales[1]), sums);
        sums = Vector256.FusedMultiplyAdd(FourBits.Products(block + 4, x), Vector256.Create(scales[0]), minima);
    }

    /// <inheritdoc/>
    public static float Row(byte* blocks, float* x, long columns) => RowDots.FourBitsWithMinimum(blocks, x, columns);
}
