using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>
/// Products of rows of four-bit codes that stand for sixteen levels (NF4, FP4) with a row of inputs, with AVX-512: a block's levels are
/// scaled once, and codes are looked up among them without being taken apart, since a lookup reads the low four bits of its index alone.
/// </summary>
internal static unsafe class LevelRows
{
    /// <summary>Multiplies rows.</summary>
    /// <param name="codes">The first row's codes, two in a byte, the first in its high half.</param>
    /// <param name="scales">The scales of all blocks.</param>
    /// <param name="block">The first row's first block.</param>
    /// <param name="size">Weights of a block, a multiple of 32.</param>
    /// <param name="levels">The sixteen levels.</param>
    /// <param name="rows">How many.</param>
    /// <param name="x">The inputs.</param>
    /// <param name="columns">How many, a multiple of the block's size, at most <see cref="BlockRows.MostOrdered"/>.</param>
    /// <param name="y">Where the products go, one behind the other.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide(
        byte* codes, BlockScales scales, long block, int size, Vector512<float> levels, long rows, float* x, long columns, float* y)
    {
        var ordered = stackalloc float[(int)columns];
        // Sixteen bytes stand in all four quarters; each quarter turns another code of every four bytes to the low bits, and then the one
        // sixteen bits further on. A byte's second code is its low half.
        var near = Vector512.Create(0u, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
        var far = near + Vector512.Create(16u);
        var places = Vector512.Create(1, 9, 17, 25, 0, 8, 16, 24, 3, 11, 19, 27, 2, 10, 18, 26);
        for (var i = 0L; i < columns; i += 32)
        {
            Vector512<float> low = Vector512.Load(x + i), high = Vector512.Load(x + i + 16);
            Avx512F.PermuteVar16x32x2(low, places, high).Store(ordered + i);
            Avx512F.PermuteVar16x32x2(low, places + Vector512.Create(4), high).Store(ordered + i + 16);
        }
        for (var row = 0L; row < rows; row++)
        {
            var (first, second) = (Vector512<float>.Zero, Vector512<float>.Zero);
            for (var at = 0L; at < columns; at += size)
            {
                var values = levels * Vector512.Create(scales[block++]);
                for (var i = at; i < at + size; i += 32, codes += 16)
                {
                    var all = Avx512F.BroadcastVector128ToVector512((uint*)codes);
                    var nearby = Avx512F.PermuteVar16x32(values, Avx512F.ShiftRightLogicalVariable(all, near).AsInt32());
                    var further = Avx512F.PermuteVar16x32(values, Avx512F.ShiftRightLogicalVariable(all, far).AsInt32());
                    first = Vector512.FusedMultiplyAdd(nearby, Vector512.Load(ordered + i), first);
                    second = Vector512.FusedMultiplyAdd(further, Vector512.Load(ordered + i + 16), second);
                }
            }
            y[row] = Vector512.Sum(first + second);
        }
    }
}
