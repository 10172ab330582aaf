namespace PeftSharp.Training;

/// <summary>Stays at the peak.</summary>
internal sealed class ConstantSchedule(long warmupSteps) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) => 1;
}
