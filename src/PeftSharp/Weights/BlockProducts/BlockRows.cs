using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>
/// Products of rows of blocks with a row of inputs. Four rows go together, so that inputs are read once for them and their scales are
/// converted at once; each has sums of its own, so that what a row gives does not depend on the rows beside it.
/// </summary>
internal static unsafe class BlockRows
{
    /// <summary>The most columns for which inputs in another order, and sums of them by blocks, find room on the stack.</summary>
    public const long MostOrdered = 1 << 15;

    /// <summary>With AVX-512.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="rowBytes">Bytes from a row to the next.</param>
    /// <param name="rows">How many.</param>
    /// <param name="x">The inputs.</param>
    /// <param name="columns">How many, a multiple of 32.</param>
    /// <param name="y">Where the products go, one behind the other.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide<T>(byte* first, long rowBytes, long rows, float* x, long columns, float* y) where T : struct, IBlock
    {
        var scales = stackalloc float[8];
        var ahead = 4 * rowBytes;
        for (var row = 0L; row < rows; row += 4)
        {
            // Where fewer than four are left, the last is computed again.
            var last = rows - 1 - row;
            var r0 = first + row * rowBytes;
            byte* r1 = r0 + Math.Min(1, last) * rowBytes, r2 = r0 + Math.Min(2, last) * rowBytes, r3 = r0 + Math.Min(3, last) * rowBytes;
            Vector512<float> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
            for (var i = 0L; i < columns; i += 32)
            {
                Scales(r0, r1, r2, r3).Store(scales);
                Vector512<float> low = Vector512.Load(x + i), high = Vector512.Load(x + i + 16);
                T.Add(r0, scales, low, high, ref a0, ref b0);
                T.Add(r1, scales + 2, low, high, ref a1, ref b1);
                T.Add(r2, scales + 4, low, high, ref a2, ref b2);
                T.Add(r3, scales + 6, low, high, ref a3, ref b3);
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
            y[row] = Vector512.Sum(a0 + b0);
            if (last > 0) y[row + 1] = Vector512.Sum(a1 + b1);
            if (last > 1) y[row + 2] = Vector512.Sum(a2 + b2);
            if (last > 2) y[row + 3] = Vector512.Sum(a3 + b3);
        }
    }

    /// <summary>With AVX2; parameters as for <see cref="Wide{T}"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow<T>(byte* first, long rowBytes, long rows, float* x, long columns, float* y) where T : struct, IBlock
    {
        var scales = stackalloc float[8];
        var ahead = 4 * rowBytes;
        for (var row = 0L; row < rows; row += 4)
        {
            var last = rows - 1 - row;
            var r0 = first + row * rowBytes;
            byte* r1 = r0 + Math.Min(1, last) * rowBytes, r2 = r0 + Math.Min(2, last) * rowBytes, r3 = r0 + Math.Min(3, last) * rowBytes;
            Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (var i = 0L; i < columns; i += 32)
            {
                Scales(r0, r1, r2, r3).Store(scales);
                var inputs = x + i;
                var total = RowDots.Sum(inputs);
                T.Add(r0, scales, inputs, total, ref s0);
                T.Add(r1, scales + 2, inputs, total, ref s1);
                T.Add(r2, scales + 4, inputs, total, ref s2);
                T.Add(r3, scales + 6, inputs, total, ref s3);
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
            y[row] = Vector256.Sum(s0);
            if (last > 0) y[row + 1] = Vector256.Sum(s1);
            if (last > 1) y[row + 2] = Vector256.Sum(s2);
            if (last > 2) y[row + 3] = Vector256.Sum(s3);
        }
    }

    /// <summary>On any processor; parameters as for <see cref="Wide{T}"/>.</summary>
    public static void Plain<T>(byte* first, long rowBytes, long rows, float* x, long columns, float* y) where T : struct, IBlock
    {
        for (var row = 0L; row < rows; row++) y[row] = T.Row(first + row * rowBytes, x, columns);
    }

    /// <summary>
    /// The first two half-precision numbers of four blocks; the second is a code or a pair of them where there is no minimum.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* r0, byte* r1, byte* r2, byte* r3)
    {
        // Joined in general registers, which have little else to do.
        var (first, second) = (*(uint*)r0 | (ulong)*(uint*)r1 << 32, *(uint*)r2 | (ulong)*(uint*)r3 << 32);
        return HalfNumbers.ToSingle(Vector128.Create(first, second).AsInt16());
    }
}
