namespace PeftSharp.Generation;

/// <summary>Sums in order, so that they are the same on every machine.</summary>
internal static class SpanSums
{
    public static double Sum(this Span<double> values)
    {
        var sum = 0.0;
        foreach (var value in values) sum += value;
        return sum;
    }

    /// <summary>log Σ exp.</summary>
    public static double LogSumExp(this ReadOnlySpan<double> values)
    {
        var largest = double.NegativeInfinity;
        foreach (var value in values) largest = Math.Max(largest, value);
        var sum = 0.0;
        foreach (var value in values) sum += Math.Exp(value - largest);
        return largest + Math.Log(sum);
    }
}
