namespace PeftSharp.Training;

/// <summary>Falls as a power of what remains, to an end that it then keeps.</summary>
internal sealed class PolynomialSchedule(long totalSteps, long warmupSteps, double power, double end) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) =>
        step > totalSteps ? end : end + (1 - end) * Math.Pow(1 - Progress(step, totalSteps), power);
}
