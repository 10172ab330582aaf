using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>
/// Products of rows of blocks of four-bit codes with a row of inputs, with AVX-512. Codes are converted where they stand in their four
/// bytes, as multiples of powers of two, and inputs are divided by these powers beforehand: no code is shifted or looked up.
/// </summary>
/// <remarks>Σ (d·q + m)·x over a block = d·Σ q·x + m·Σ x.</remarks>
internal static unsafe class FourBitRows
{
    /// <summary>Multiplies; parameters as for <see cref="BlockRows.Wide{T}"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide<T>(byte* first, long rowBytes, long rows, float* x, long columns, float* y) where T : struct, IFourBits
    {
        if (columns > BlockRows.MostOrdered)
        {
            BlockRows.Wide<T>(first, rowBytes, rows, x, columns, y);
            return;
        }
        var blocks = (int)(columns / 32);
        float* scales = stackalloc float[8], sums = stackalloc float[blocks], ordered = stackalloc float[blocks * 32];
        for (var i = 0; i < blocks; i++) sums[i] = Order(x + i * 32, ordered + i * 32);
        // A block's sixteen bytes stand in all four quarters; each quarter looks at another code of every four bytes, and at the one
        // sixteen bits further on.
        var near = Vector512.Create(
            0xFu, 0xF, 0xF, 0xF, 0xF0, 0xF0, 0xF0, 0xF0, 0xF00, 0xF00, 0xF00, 0xF00, 0xF000, 0xF000, 0xF000, 0xF000);
        var far = near << 16;
        var ahead = 8 * rowBytes;
        for (var row = 0L; row < rows; row += 4)
        {
            // Where fewer than four are left, the last is computed again.
            var last = rows - 1 - row;
            var r0 = first + row * rowBytes;
            byte* r1 = r0 + Math.Min(1, last) * rowBytes, r2 = r0 + Math.Min(2, last) * rowBytes, r3 = r0 + Math.Min(3, last) * rowBytes;
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var added = Vector256<float>.Zero; // of each row Σ d·Σx and, where blocks have one, Σ m·Σx
            for (var i = 0; i < blocks; i++)
            {
                var numbers = BlockRows.Scales(r0, r1, r2, r3);
                numbers.Store(scales);
                added = Vector256.FusedMultiplyAdd(numbers, Vector256.Create(sums[i]), added);
                Vector512<float> nearby = Vector512.Load(ordered + i * 32), further = Vector512.Load(ordered + i * 32 + 16);
                a0 = Vector512.FusedMultiplyAdd(Products(r0 + T.Codes, near, far, nearby, further), Vector512.Create(scales[0]), a0);
                a1 = Vector512.FusedMultiplyAdd(Products(r1 + T.Codes, near, far, nearby, further), Vector512.Create(scales[2]), a1);
                a2 = Vector512.FusedMultiplyAdd(Products(r2 + T.Codes, near, far, nearby, further), Vector512.Create(scales[4]), a2);
                a3 = Vector512.FusedMultiplyAdd(Products(r3 + T.Codes, near, far, nearby, further), Vector512.Create(scales[6]), a3);
                // Four rows in turn are no stream that a processor would see coming.
                Sse.Prefetch0(r0 + ahead);
                Sse.Prefetch0(r1 + ahead);
                Sse.Prefetch0(r2 + ahead);
                Sse.Prefetch0(r3 + ahead);
                r0 += T.Bytes;
                r1 += T.Bytes;
                r2 += T.Bytes;
                r3 += T.Bytes;
            }
            added.Store(scales);
            y[row] = Whole<T>(a0, scales);
            if (last > 0) y[row + 1] = Whole<T>(a1, scales + 2);
            if (last > 1) y[row + 2] = Whole<T>(a2, scales + 4);
            if (last > 2) y[row + 3] = Whole<T>(a3, scales + 6);
        }
    }

    // Puts a block's inputs beside the codes that they belong to (low halves of bytes are the first sixteen codes, high ones the others),
    // divided by the powers of two as which these are converted, and yields their sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Order(float* x, float* ordered)
    {
        const float One = 1 / 16f, Two = One / 16, Three = Two / 16;
        var powers = Vector512.Create(1, 1, 1, 1, One, One, One, One, Two, Two, Two, Two, Three, Three, Three, Three);
        var places = Vector512.Create(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        Vector512<float> low = Vector512.Load(x), high = Vector512.Load(x + 16);
        (Avx512F.PermuteVar16x32x2(low, places, high) * powers).Store(ordered);
        (Avx512F.PermuteVar16x32x2(low, places + Vector512.Create(2), high) * (powers / 65536)).Store(ordered + 16);
        return Vector512.Sum(low + high);
    }

    // Of 32 codes and their inputs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Products(
        byte* codes, Vector512<uint> near, Vector512<uint> far, Vector512<float> nearby, Vector512<float> further)
    {
        var all = Avx512F.BroadcastVector128ToVector512((uint*)codes);
        var products = Avx512F.ConvertToVector512Single(all & near) * nearby;
        return Vector512.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(all & far), further, products);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Whole<T>(Vector512<float> products, float* added) where T : struct, IFourBits =>
        Vector512.Sum(products) + (T.HasMinimum ? added[1] : -8 * added[0]);
}
