using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// Products of a tall matrix with a thin one, a handful of ranks wide. A general product puts the tall matrix in another order first, which
/// costs more than the product itself; here it is read where it lies.
/// </summary>
internal static unsafe class ThinProducts
{
    /// <summary>low[i, r] = scale · Σ x[i, k] · a[r, k].</summary>
    /// <param name="x">[rows × width], each row <paramref name="stride"/> after the other.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="width">Columns of x and of a.</param>
    /// <param name="a">[ranks × width].</param>
    /// <param name="ranks">Rows of a.</param>
    /// <param name="scale">The factor.</param>
    /// <param name="low">[rows × ranks].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dots(float* x, long stride, long rows, int width, float* a, int ranks, float scale, float* low)
    {
        var i = 0L;
        for (; i <= rows - 2; i += 2)
        {
            var r = 0;
            for (; r <= ranks - 4; r += 4) DotsOfTwo(x + i * stride, stride, a + r * width, width, scale, low + i * ranks + r, ranks);
            for (; r < ranks; r++)
            {
                low[i * ranks + r] = Dot(x + i * stride, a + r * width, width) * scale;
                low[(i + 1) * ranks + r] = Dot(x + (i + 1) * stride, a + r * width, width) * scale;
            }
        }
        for (; i < rows; i++)
            for (var r = 0; r < ranks; r++) low[i * ranks + r] = Dot(x + i * stride, a + r * width, width) * scale;
    }

    /// <summary>y[i, k] = Σ low[i, r] · b[r, k].</summary>
    /// <param name="low">[rows × ranks].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="ranks">Columns of low, rows of b.</param>
    /// <param name="b">[ranks × width].</param>
    /// <param name="width">Columns of b and of y.</param>
    /// <param name="y">[rows × width], contiguous.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Spread(float* low, long rows, int ranks, float* b, int width, float* y)
    {
        var i = 0L;
        for (; i <= rows - 4; i += 4) SpreadFour(low + i * ranks, ranks, b, width, y + i * width);
        for (; i < rows; i++)
        {
            var from = low + i * ranks;
            var to = y + i * width;
            var k = 0;
            for (; k <= width - 8; k += 8)
            {
                var sum = Vector256<float>.Zero;
                for (var r = 0; r < ranks; r++)
                    sum = Vector256.FusedMultiplyAdd(Vector256.Create(from[r]), Vector256.Load(b + r * width + k), sum);
                sum.Store(to + k);
            }
            for (; k < width; k++) to[k] = Column(from, ranks, b + k, width);
        }
    }

    /// <summary>sums[r, k] += Σ low[i, r] · x[i, k].</summary>
    /// <param name="low">[rows × ranks].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="ranks">Columns of low.</param>
    /// <param name="x">[rows × width], each row <paramref name="stride"/> after the other.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    /// <param name="width">Columns of x.</param>
    /// <param name="sums">[ranks × width].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gather(float* low, long rows, int ranks, float* x, long stride, int width, float* sums)
    {
        const int Block = 64; // rows that the nearest caches hold
        for (var from = 0L; from < rows; from += Block)
        {
            var count = (int)Math.Min(Block, rows - from);
            var lows = low + from * ranks;
            var xs = x + from * stride;
            var k = 0;
            for (; k <= width - 16; k += 16)
            {
                var r = 0;
                for (; r <= ranks - 4; r += 4) GatherFour(lows + r, ranks, xs + k, stride, count, sums + r * width + k, width);
                for (; r < ranks; r++)
                {
                    Vector256<float> left = Vector256.Load(sums + r * width + k), right = Vector256.Load(sums + r * width + k + 8);
                    for (var i = 0; i < count; i++)
                    {
                        var factor = Vector256.Create(lows[i * ranks + r]);
                        left = Vector256.FusedMultiplyAdd(factor, Vector256.Load(xs + i * stride + k), left);
                        right = Vector256.FusedMultiplyAdd(factor, Vector256.Load(xs + i * stride + k + 8), right);
                    }
                    left.Store(sums + r * width + k);
                    right.Store(sums + r * width + k + 8);
                }
            }
            for (; k < width; k++)
                for (var r = 0; r < ranks; r++)
                    for (var i = 0; i < count; i++) sums[r * width + k] += lows[i * ranks + r] * xs[i * stride + k];
        }
    }

    // Two rows with four ranks.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DotsOfTwo(float* x, long stride, float* a, int width, float scale, float* low, int ranks)
    {
        var (s0, s1, s2, s3) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        var (t0, t1, t2, t3) = (s0, s0, s0, s0);
        var k = 0;
        for (; k <= width - 8; k += 8)
        {
            Vector256<float> first = Vector256.Load(x + k), second = Vector256.Load(x + stride + k);
            Vector256<float> a0 = Vector256.Load(a + k), a1 = Vector256.Load(a + width + k);
            Vector256<float> a2 = Vector256.Load(a + 2 * width + k), a3 = Vector256.Load(a + 3 * width + k);
            (s0, t0) = (Vector256.FusedMultiplyAdd(first, a0, s0), Vector256.FusedMultiplyAdd(second, a0, t0));
            (s1, t1) = (Vector256.FusedMultiplyAdd(first, a1, s1), Vector256.FusedMultiplyAdd(second, a1, t1));
            (s2, t2) = (Vector256.FusedMultiplyAdd(first, a2, s2), Vector256.FusedMultiplyAdd(second, a2, t2));
            (s3, t3) = (Vector256.FusedMultiplyAdd(first, a3, s3), Vector256.FusedMultiplyAdd(second, a3, t3));
        }
        float p0 = Vector256.Sum(s0), p1 = Vector256.Sum(s1), p2 = Vector256.Sum(s2), p3 = Vector256.Sum(s3);
        float q0 = Vector256.Sum(t0), q1 = Vector256.Sum(t1), q2 = Vector256.Sum(t2), q3 = Vector256.Sum(t3);
        for (; k < width; k++)
        {
            var (first, second) = (x[k], x[stride + k]);
            (p0, q0) = (p0 + first * a[k], q0 + second * a[k]);
            (p1, q1) = (p1 + first * a[width + k], q1 + second * a[width + k]);
            (p2, q2) = (p2 + first * a[2 * width + k], q2 + second * a[2 * width + k]);
            (p3, q3) = (p3 + first * a[3 * width + k], q3 + second * a[3 * width + k]);
        }
        (low[0], low[1], low[2], low[3]) = (p0 * scale, p1 * scale, p2 * scale, p3 * scale);
        (low[ranks], low[ranks + 1], low[ranks + 2], low[ranks + 3]) = (q0 * scale, q1 * scale, q2 * scale, q3 * scale);
    }

    // As above, so that a row's product does not depend on the rows beside it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(float* x, float* a, int width)
    {
        var sums = Vector256<float>.Zero;
        var k = 0;
        for (; k <= width - 8; k += 8) sums = Vector256.FusedMultiplyAdd(Vector256.Load(x + k), Vector256.Load(a + k), sums);
        var sum = Vector256.Sum(sums);
        for (; k < width; k++) sum += x[k] * a[k];
        return sum;
    }

    // Four rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SpreadFour(float* low, int ranks, float* b, int width, float* y)
    {
        var k = 0;
        for (; k <= width - 16; k += 16)
        {
            var (s0, s1, s2, s3) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
            var (t0, t1, t2, t3) = (s0, s0, s0, s0);
            for (var r = 0; r < ranks; r++)
            {
                Vector256<float> left = Vector256.Load(b + r * width + k), right = Vector256.Load(b + r * width + k + 8);
                Vector256<float> f0 = Vector256.Create(low[r]), f1 = Vector256.Create(low[ranks + r]);
                Vector256<float> f2 = Vector256.Create(low[2 * ranks + r]), f3 = Vector256.Create(low[3 * ranks + r]);
                (s0, t0) = (Vector256.FusedMultiplyAdd(f0, left, s0), Vector256.FusedMultiplyAdd(f0, right, t0));
                (s1, t1) = (Vector256.FusedMultiplyAdd(f1, left, s1), Vector256.FusedMultiplyAdd(f1, right, t1));
                (s2, t2) = (Vector256.FusedMultiplyAdd(f2, left, s2), Vector256.FusedMultiplyAdd(f2, right, t2));
                (s3, t3) = (Vector256.FusedMultiplyAdd(f3, left, s3), Vector256.FusedMultiplyAdd(f3, right, t3));
            }
            s0.Store(y + k);
            t0.Store(y + k + 8);
            s1.Store(y + width + k);
            t1.Store(y + width + k + 8);
            s2.Store(y + 2 * width + k);
            t2.Store(y + 2 * width + k + 8);
            s3.Store(y + 3 * width + k);
            t3.Store(y + 3 * width + k + 8);
        }
        for (; k < width; k++)
            for (var row = 0; row < 4; row++) y[row * width + k] = Column(low + row * ranks, ranks, b + k, width);
    }

    // Σ low[r] · b[r · width], in the order and roundings of the vectors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Column(float* low, int ranks, float* b, int width)
    {
        var sum = 0f;
        for (var r = 0; r < ranks; r++) sum = MathF.FusedMultiplyAdd(low[r], b[r * width], sum);
        return sum;
    }

    // Four ranks and sixteen columns.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GatherFour(float* low, int ranks, float* x, long stride, int count, float* sums, int width)
    {
        Vector256<float> s0 = Vector256.Load(sums), t0 = Vector256.Load(sums + 8);
        Vector256<float> s1 = Vector256.Load(sums + width), t1 = Vector256.Load(sums + width + 8);
        Vector256<float> s2 = Vector256.Load(sums + 2 * width), t2 = Vector256.Load(sums + 2 * width + 8);
        Vector256<float> s3 = Vector256.Load(sums + 3 * width), t3 = Vector256.Load(sums + 3 * width + 8);
        for (var i = 0; i < count; i++, low += ranks, x += stride)
        {
            Vector256<float> left = Vector256.Load(x), right = Vector256.Load(x + 8);
            Vector256<float> f0 = Vector256.Create(low[0]), f1 = Vector256.Create(low[1]);
            Vector256<float> f2 = Vector256.Create(low[2]), f3 = Vector256.Create(low[3]);
            (s0, t0) = (Vector256.FusedMultiplyAdd(f0, left, s0), Vector256.FusedMultiplyAdd(f0, right, t0));
            (s1, t1) = (Vector256.FusedMultiplyAdd(f1, left, s1), Vector256.FusedMultiplyAdd(f1, right, t1));
            (s2, t2) = (Vector256.FusedMultiplyAdd(f2, left, s2), Vector256.FusedMultiplyAdd(f2, right, t2));
            (s3, t3) = (Vector256.FusedMultiplyAdd(f3, left, s3), Vector256.FusedMultiplyAdd(f3, right, t3));
        }
        s0.Store(sums);
        t0.Store(sums + 8);
        s1.Store(sums + width);
        t1.Store(sums + width + 8);
        s2.Store(sums + 2 * width);
        t2.Store(sums + 2 * width + 8);
        s3.Store(sums + 3 * width);
        t3.Store(sums + 3 * width + 8);
    }
}
