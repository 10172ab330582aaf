namespace PeftSharp.Training;

/// <summary>A schedule that rises linearly from 0 before it does anything else.</summary>
internal abstract class WarmupSchedule(long warmupSteps) : Schedule
{
    protected long Warmup => warmupSteps;

    public sealed override double Factor(long step) => step < warmupSteps ? (double)step / warmupSteps : AfterWarmup(step);

    protected abstract double AfterWarmup(long step);

    /// <summary>The share of what follows the warm-up that is done: 0 to 1, and beyond when a run goes on.</summary>
    protected double Progress(long step, long totalSteps) => (double)(step - warmupSteps) / Math.Max(1, totalSteps - warmupSteps);
}
