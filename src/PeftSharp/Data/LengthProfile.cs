namespace PeftSharp.Data;

/// <summary>How long the rows of a dataset are.</summary>
public sealed class LengthProfile
{
    private readonly int[] _sorted;

    /// <summary>Summarises lengths.</summary>
    /// <param name="unit">What was counted, such as "tokens".</param>
    /// <param name="lengths">Length of each row, at least one.</param>
    internal LengthProfile(string unit, IEnumerable<int> lengths)
    {
        Unit = unit;
        _sorted = [.. lengths.Order()];
        if (_sorted.Length == 0) throw new ArgumentException("There is no length to summarise.", nameof(lengths));
    }

    /// <summary>What was counted.</summary>
    public string Unit { get; }

    /// <summary>The shortest.</summary>
    public int Min => _sorted[0];

    /// <summary>The longest.</summary>
    public int Max => _sorted[^1];

    /// <summary>The mean.</summary>
    public double Mean => _sorted.Average();

    /// <summary>The length that a share of the rows (0 to 100 percent) does not exceed: the nearest rank.</summary>
    public int Percentile(double percent)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(percent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        return _sorted[Math.Clamp((int)Math.Ceiling(percent / 100 * _sorted.Length) - 1, 0, _sorted.Length - 1)];
    }

    /// <summary>Rows longer than a limit.</summary>
    public int Above(int limit) => _sorted.Length - CountUpTo(limit);

    /// <summary>Rows by length, in bins of equal width; the last one holds everything above the 99th percentile.</summary>
    /// <param name="bins">How many bins at most, at least 1.</param>
    public IReadOnlyList<(int From, int To, int Rows)> Histogram(int bins = 12)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        var width = Math.Max(1, (int)Math.Ceiling((Percentile(99) - Min + 1) / (double)bins));
        var result = new List<(int, int, int)>();
        for (var from = Min; from <= Max; from += width)
        {
            var last = result.Count == bins - 1 || from + width > Max;
            var to = last ? Max : from + width - 1;
            result.Add((from, to, CountUpTo(to) - CountUpTo(from - 1)));
            if (last) break;
        }
        return result;
    }

    private int CountUpTo(int limit)
    {
        var (low, high) = (0, _sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_sorted[middle] <= limit) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
