using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial;

/// <summary>The entries with the largest scores among several tensors together.</summary>
/// <remarks>
/// The smallest score that is still kept is found digit by digit in the scores' own memory: nothing as large as they are is copied or
/// sorted.
/// </remarks>
internal static unsafe class LargestEntries
{
    // Scores as whole numbers of the same order, 16 bits at a time.
    private const int Digits = 1 << 16;

    /// <summary>
    /// For each tensor the row-major positions of its entries among the <paramref name="count"/> largest of all, ascending. Of equal
    /// scores those that come first are taken, so that the choice is the same on every machine.
    /// </summary>
    public static long[][] Find(IReadOnlyList<Tensor> scores, long count) => Find(scores, [.. scores.Select(s => s.numel())], count);

    /// <summary>The same where some tensors have no scores (null): their entries come last of all.</summary>
    /// <param name="scores">Scores of any floating type, all finite.</param>
    /// <param name="sizes">Number of entries of each tensor.</param>
    /// <param name="count">How many entries, 0 to all.</param>
    /// <exception cref="PeftException">A score is not finite.</exception>
    public static long[][] Find(IReadOnlyList<Tensor?> scores, IReadOnlyList<long> sizes, long count)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var columns = scores.Select((s, i) => new Column(s is null ? null : Readable(s), sizes[i])).ToArray();
        if (!columns.All(column => column.IsFinite()))
            throw new PeftException("Weights or their gradients are not all finite, so none can be chosen; load the base in float32.");
        if (count == 0) return [.. columns.Select(_ => Array.Empty<long>())];
        var (least, above) = Least(columns, count);
        var equal = count - above;
        return [.. columns.Select(column => column.Positions(least, ref equal))];
    }

    private static Tensor Readable(Tensor score)
    {
        var here = score.detach().cpu().reshape(-1).contiguous();
        return here.dtype is ScalarType.Float32 or ScalarType.Float64 ? here : here.to(ScalarType.Float32);
    }

    // The key of the last entry that is kept, and how many keys are above it.
    private static (ulong Least, long Above) Least(Column[] columns, long count)
    {
        var (prefix, above) = (0UL, 0L);
        for (var shift = 48; shift >= 0; shift -= 16)
        {
            var histogram = new long[Digits];
            foreach (var column in columns) column.Count(histogram, shift, prefix);
            var digit = Digits - 1;
            while (above + histogram[digit] < count) above += histogram[digit--];
            prefix = prefix << 16 | (uint)digit;
        }
        return (prefix, above);
    }

    /// <summary>One tensor's scores, in its own memory.</summary>
    private readonly struct Column(Tensor? scores, long size)
    {
        private readonly bool _isDouble = scores?.dtype == ScalarType.Float64;

        public bool IsFinite()
        {
            byte* start = scores is null || size == 0 ? null : TensorPointer.Of(scores);
            for (var i = 0L; i < size && start is not null; i++)
                if (!double.IsFinite(At(start, i))) return false;
            GC.KeepAlive(scores);
            return true;
        }

        public void Count(long[] histogram, int shift, ulong prefix)
        {
            if (scores is null)
            {
                if (shift == 48 || prefix == 0) histogram[0] += size;
                return;
            }
            byte* start = size == 0 ? null : TensorPointer.Of(scores);
            for (var i = 0L; i < size; i++)
            {
                var key = Key(start, i);
                if (shift == 48 || key >> (shift + 16) == prefix) histogram[key >> shift & (Digits - 1)]++;
            }
            GC.KeepAlive(scores);
        }

        public long[] Positions(ulong least, ref long equal)
        {
            var found = new List<long>();
            byte* start = scores is null || size == 0 ? null : TensorPointer.Of(scores);
            for (var i = 0L; i < size; i++)
            {
                var key = start is null ? 0 : Key(start, i);
                if (key < least || (key == least && equal == 0)) continue;
                if (key == least) equal--;
                found.Add(i);
            }
            GC.KeepAlive(scores);
            return [.. found];
        }

        // Larger scores have larger keys, none of them 0; 0 and -0 are one number.
        private ulong Key(byte* start, long i)
        {
            var bits = BitConverter.DoubleToUInt64Bits(At(start, i) + 0.0);
            return bits >> 63 == 0 ? bits | 1UL << 63 : ~bits;
        }

        private double At(byte* start, long i) => _isDouble ? ((double*)start)[i] : ((float*)start)[i];
    }
}
