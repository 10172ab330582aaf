namespace PeftSharp.Runs.Estimates;

/// <summary>Expected wall-clock seconds.</summary>
/// <param name="Low">Where every batch is as quick as the quicker half of those that were timed.</param>
/// <param name="Expected">The expectation.</param>
/// <param name="High">Where every batch is as slow as the slower half.</param>
public readonly record struct TimeRange(double Low, double Expected, double High)
{
    /// <summary>The sum of two spans.</summary>
    public static TimeRange operator +(TimeRange a, TimeRange b) => new(a.Low + b.Low, a.Expected + b.Expected, a.High + b.High);

    /// <summary>A span that is known.</summary>
    public static TimeRange Exactly(double seconds) => new(seconds, seconds, seconds);
}
