namespace PeftSharp.Training;

/// <summary>Falls along a cosine to 0 several times, jumping back to the peak between.</summary>
internal sealed class RestartingCosineSchedule(long totalSteps, long warmupSteps, double cycles) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step)
    {
        var progress = Progress(step, totalSteps);
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    }
}
