using System.Diagnostics;

namespace PeftSharp.Interop;

/// <summary>
/// Gives holes of the C library's heap back to the system in the course of a training: as often as it costs next to nothing, every 20
/// steps at the latest, and as soon as the holes have made the process a tenth larger than a step needs.
/// </summary>
/// <remarks>
/// Tensors of many sizes leave holes between those that stay, and each step more of them: a step of 460 MB had grown a process from 770 to
/// 950 MB in four steps. Where steps take seconds, holes go after each. What a step needs is what is resident after the first one that
/// follows a return; of several the most, so that batches of unequal length are not taken for growth.
/// </remarks>
internal sealed class HeapGrowth
{
    // Less often, and the holes add up; more often, and short steps take longer to get their memory again (a second of a minute at 20).
    private const int StepsAtMost = 20;

    // So many times as long as a return takes, the steps between two of them last. The memory that they need again is about twice as dear
    // as the return itself, so that both take one and a half hundredths of the time at most.
    private const int Worth = 200;

    // What a few new shapes, compiled code and .NET's own heap may add without a hole in between.
    private const long Slack = 16 << 20;

    private long _needed;
    private long _returned = Stopwatch.GetTimestamp();
    private TimeSpan _cost = TimeSpan.FromMilliseconds(10);
    private int _steps;

    /// <summary>To be called at the end of each step, when its tensors are gone.</summary>
    public void AfterStep()
    {
        if (!IsDue(Environment.WorkingSet, Stopwatch.GetElapsedTime(_returned), _cost)) return;
        var start = Stopwatch.GetTimestamp();
        NativeHeap.Trim();
        (_cost, _returned) = (Stopwatch.GetElapsedTime(start), Stopwatch.GetTimestamp());
    }

    /// <summary>True if holes are to be returned now.</summary>
    /// <param name="resident">Bytes that the process holds at the end of a step.</param>
    /// <param name="since">Time since the last return.</param>
    /// <param name="cost">Time that a return takes.</param>
    internal bool IsDue(long resident, TimeSpan since, TimeSpan cost)
    {
        if (_steps++ == 0) _needed = Math.Max(_needed, resident);
        if (_steps < StepsAtMost && since < Worth * cost && resident <= _needed + _needed / 10 + Slack) return false;
        _steps = 0;
        return true;
    }
}
