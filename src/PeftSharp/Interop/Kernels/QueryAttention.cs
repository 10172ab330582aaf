using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// Attention of one query a row to keys that are all seen, such as those of a token that is decoded, in one pass without a graph.
/// </summary>
internal static unsafe class QueryAttention
{
    private const long Grain = 1 << 14; // numbers a thread

    /// <summary>softmax(scale · q·kᵀ)·v.</summary>
    /// <param name="query">[rows, heads, 1, headDim].</param>
    /// <param name="key">[rows, keyHeads, keys, headDim]; as many query heads in turn share each.</param>
    /// <param name="value">The same of the values.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <returns>[rows, heads, 1, headDim].</returns>
    public static Tensor Of(Tensor query, Tensor key, Tensor value, double scale)
    {
        using var queryCopy = query.is_contiguous() ? null : query.contiguous();
        using var keyCopy = IsLaid(key) ? null : key.contiguous();
        using var valueCopy = IsLaid(value) ? null : value.contiguous();
        Tensor q = queryCopy ?? query, keys = keyCopy ?? key, values = valueCopy ?? value;
        var (rows, heads, dim) = (q.shape[0], q.shape[1], (int)q.shape[3]);
        var (group, count) = (heads / keys.shape[1], (int)keys.shape[2]);
        var result = empty(q.shape, dtype: ScalarType.Float32);
        var (from, to) = ((nint)TensorPointer.Of(q), (nint)TensorPointer.Of(result));
        var (k, v) = ((nint)TensorPointer.OfFirst(keys), (nint)TensorPointer.OfFirst(values));
        long[] kStep = keys.stride(), vStep = values.stride();
        var factor = (float)scale;
        Ranges.ForEach(rows * heads, Math.Max(1, Grain / ((long)count * dim)), (first, last) =>
        {
            var scores = ArrayPool<float>.Shared.Rent(count);
            fixed (float* weights = scores)
                for (var i = first; i < last; i++)
                {
                    var (row, head) = (i / heads, i % heads / group);
                    var rowKeys = (float*)k + row * kStep[0] + head * kStep[1];
                    var rowValues = (float*)v + row * vStep[0] + head * vStep[1];
                    var joined = (float*)to + i * dim;
                    Attend((float*)from + i * dim, rowKeys, kStep[2], rowValues, vStep[2], count, dim, factor, weights, joined);
                }
            ArrayPool<float>.Shared.Return(scores);
        });
        GC.KeepAlive(q);
        GC.KeepAlive(keys);
        GC.KeepAlive(values);
        GC.KeepAlive(result);
        return result;
    }

    /// <summary>The same of one query and one head.</summary>
    /// <param name="query">[dim].</param>
    /// <param name="keys">The first key.</param>
    /// <param name="keyStep">Numbers from a key to the next.</param>
    /// <param name="values">The first value.</param>
    /// <param name="valueStep">Numbers from a value to the next.</param>
    /// <param name="count">Keys.</param>
    /// <param name="dim">Numbers of a head.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="weights">Room for as many numbers as there are keys.</param>
    /// <param name="result">[dim].</param>
    public static void Attend(
        float* query, float* keys, long keyStep, float* values, long valueStep, int count, int dim, float scale, float* weights,
        float* result)
    {
        Weigh(query, keys, keyStep, count, dim, scale, weights);
        Mix(weights, values, valueStep, count, dim, result);
    }

    private static bool IsLaid(Tensor x) => x.stride(3) == 1;

    // The softmax of the scaled scores.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Weigh(float* query, float* keys, long step, int count, int dim, float scale, float* weights)
    {
        var greatest = float.NegativeInfinity;
        for (var i = 0; i < count; i++)
        {
            weights[i] = Dot(query, keys + i * step, dim) * scale;
            greatest = MathF.Max(greatest, weights[i]);
        }
        var (sums, most, n) = (Vector256<float>.Zero, Vector256.Create(greatest), 0);
        for (; n <= count - 8; n += 8)
        {
            var exponents = Vector256.Exp(Vector256.Load(weights + n) - most);
            exponents.Store(weights + n);
            sums += exponents;
        }
        var sum = Vector256.Sum(sums);
        for (; n < count; n++) sum += weights[n] = MathF.Exp(weights[n] - greatest);
        for (var i = 0; i < count; i++) weights[i] /= sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix(float* weights, float* values, long step, int count, int dim, float* result)
    {
        var k = 0;
        for (; k <= dim - 32; k += 32)
        {
            var (a, b, c, d) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
            for (var i = 0; i < count; i++)
            {
                var weight = Vector256.Create(weights[i]);
                var at = values + i * step + k;
                a = Vector256.FusedMultiplyAdd(weight, Vector256.Load(at), a);
                b = Vector256.FusedMultiplyAdd(weight, Vector256.Load(at + 8), b);
                c = Vector256.FusedMultiplyAdd(weight, Vector256.Load(at + 16), c);
                d = Vector256.FusedMultiplyAdd(weight, Vector256.Load(at + 24), d);
            }
            a.Store(result + k);
            b.Store(result + k + 8);
            c.Store(result + k + 16);
            d.Store(result + k + 24);
        }
        for (; k < dim; k++)
        {
            var sum = 0f;
            for (var i = 0; i < count; i++) sum += weights[i] * values[i * step + k];
            result[k] = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(float* a, float* b, int dim)
    {
        var (even, odd, k) = (Vector256<float>.Zero, Vector256<float>.Zero, 0);
        for (; k <= dim - 16; k += 16)
        {
            even = Vector256.FusedMultiplyAdd(Vector256.Load(a + k), Vector256.Load(b + k), even);
            odd = Vector256.FusedMultiplyAdd(Vector256.Load(a + k + 8), Vector256.Load(b + k + 8), odd);
        }
        var sum = Vector256.Sum(even + odd);
        for (; k < dim; k++) sum += a[k] * b[k];
        return sum;
    }
}
