namespace PeftSharp.Interop;

/// <summary>
/// Gives holes of the C library's heap back to the system in the course of a training: every 20 steps, and as soon as they have made the
/// process a tenth larger than a step needs.
/// </summary>
/// <remarks>
/// Tensors of many sizes leave holes between those that stay, and each step more of them: a step of 460 MB had grown a process from 770 to
/// 950 MB in four steps. What a step needs is what is resident after the first one that follows a return; of several the most, so that
/// batches of unequal length are not taken for growth.
/// </remarks>
internal sealed class HeapGrowth
{
    // Less often, and the holes add up; more often, and the steps take longer to get their memory again (a second of a minute at 20).
    private const int StepsAtMost = 20;

    // What a few new shapes, compiled code and .NET's own heap may add without a hole in between.
    private const long Slack = 16 << 20;

    private long _needed;
    private int _steps;

    /// <summary>To be called at the end of each step, when its tensors are gone.</summary>
    public void AfterStep()
    {
        if (IsDue(Environment.WorkingSet)) NativeHeap.Trim();
    }

    /// <summary>True if holes are to be returned now.</summary>
    /// <param name="resident">Bytes that the process holds at the end of a step.</param>
    internal bool IsDue(long resident)
    {
        if (_steps++ == 0) _needed = Math.Max(_needed, resident);
        if (_steps < StepsAtMost && resident <= _needed + _needed / 10 + Slack) return false;
        _steps = 0;
        return true;
    }
}
