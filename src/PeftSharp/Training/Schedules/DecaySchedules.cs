namespace PeftSharp.Training;

/// <summary>Falls in a straight line to 0.</summary>
internal sealed class LinearSchedule(long totalSteps, long warmupSteps) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) =>
        Math.Max(0, (double)(totalSteps - step) / Math.Max(1, totalSteps - Warmup));
}

/// <summary>Falls along a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983); half a cycle ends at 0.</summary>
internal sealed class CosineSchedule(long totalSteps, long warmupSteps, double cycles) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) =>
        Math.Max(0, 0.5 * (1 + Math.Cos(2 * Math.PI * cycles * Progress(step, totalSteps))));
}

/// <summary>Falls along a cosine to 0 several times, jumping back to the peak between.</summary>
internal sealed class RestartingCosineSchedule(long totalSteps, long warmupSteps, double cycles) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step)
    {
        var progress = Progress(step, totalSteps);
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    }
}

/// <summary>Falls as a power of what remains, to an end that it then keeps.</summary>
internal sealed class PolynomialSchedule(long totalSteps, long warmupSteps, double power, double end) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) =>
        step > totalSteps ? end : end + (1 - end) * Math.Pow(1 - Progress(step, totalSteps), power);
}

/// <summary>Stays at the peak.</summary>
internal sealed class ConstantSchedule(long warmupSteps) : WarmupSchedule(warmupSteps)
{
    protected override double AfterWarmup(long step) => 1;
}

/// <summary>Falls as the inverse square root of the steps done; never ends.</summary>
internal sealed class InverseSquareRootSchedule(long warmupSteps, long? timescale) : WarmupSchedule(warmupSteps)
{
    private const long WithoutWarmup = 10_000;
    private readonly long _timescale = timescale ?? (warmupSteps > 0 ? warmupSteps : WithoutWarmup);

    protected override double AfterWarmup(long step) => 1 / Math.Sqrt((double)(step - Warmup + _timescale) / _timescale);
}
