namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>How many ranks all maps together may keep, by step: all at first, then fewer (a cubic curve), then the target.</summary>
/// <param name="initial">Ranks at the start, summed over the maps.</param>
/// <param name="target">Ranks at the end, summed over the maps.</param>
/// <param name="warmUp">Steps that keep all.</param>
/// <param name="last">The step of the last allocation.</param>
/// <param name="interval">Steps from one allocation to the next.</param>
internal sealed class RankSchedule(long initial, long target, long warmUp, long last, long interval)
{
    /// <summary>The ranks that may stay after a step; steps count from 1.</summary>
    public long Budget(long step)
    {
        if (step <= warmUp) return initial;
        if (step >= last) return target;
        var left = 1 - (double)(step - warmUp) / (last - warmUp);
        return (long)((initial - target) * Math.Pow(left, 3) + target);
    }

    /// <summary>True if ranks are taken away after the step.</summary>
    public bool Allocates(long step) => step >= last || (step > warmUp && step % interval == 0);

    /// <summary>True from the step of the last allocation on.</summary>
    public bool IsSettled(long step) => step >= last;
}
