namespace PeftSharp.Training;

/// <summary>Falls as the inverse square root of the steps done; never ends.</summary>
internal sealed class InverseSquareRootSchedule(long warmupSteps, long? timescale) : WarmupSchedule(warmupSteps)
{
    private const long WithoutWarmup = 10_000;
    private readonly long _timescale = timescale ?? (warmupSteps > 0 ? warmupSteps : WithoutWarmup);

    protected override double AfterWarmup(long step) => 1 / Math.Sqrt((double)(step - Warmup + _timescale) / _timescale);
}
