namespace PeftSharp.Training;

/// <summary>Falls along a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983); half a cycle ends at 0.</summary>
internal sealed class CosineSchedule(long totalSteps, long warmupSteps, double cycles) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) =>
        Math.Max(0, 0.5 * (1 + Math.Cos(2 * Math.PI * cycles * Progress(step, totalSteps))));
}
