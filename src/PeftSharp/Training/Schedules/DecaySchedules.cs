namespace PeftSharp.Training;

/// <summary>Falls in a straight line to 0.</summary>
internal sealed class LinearSchedule(long totalSteps, long warmupSteps) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) =>
        Math.Max(0, (double)(totalSteps - step) / Math.Max(1, totalSteps - Warmup));
}
