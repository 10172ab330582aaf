using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>Q4_0: a scale d, 16 bytes of codes; d · (q − 8).</summary>
internal readonly unsafe struct MiddleBlock : IFourBits
{
    /// <inheritdoc/>
    public static int Bytes => 18;

    /// <inheritdoc/>
    public static int Codes => 2;

    /// <inheritdoc/>
    public static bool HasMinimum => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        byte* block, float* scales, Vector512<float> x, Vector512<float> y, ref Vector512<float> a, ref Vector512<float> b)
    {
        var codes = Vector512.Create(-8f, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
        FourBits.Add(block + 2, codes * Vector512.Create(scales[0]), x, y, ref a, ref b);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(byte* block, float* scales, float* x, Vector256<float> total, ref Vector256<float> sums)
    {
        var products = Vector256.FusedMultiplyAdd(total, Vector256.Create(-8f), FourBits.Products(block + 2, x));
        sums = Vector256.FusedMultiplyAdd(products, Vector256.Create(scales[0]), sums);
    }

    /// <inheritdoc/>
    public static float Row(byte* blocks, float* x, long columns) => RowDots.FourBits(blocks, x, columns);
}
