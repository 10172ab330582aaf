namespace PeftSharp.Training;

/// <summary>
/// How the learning rate changes over a run: a factor of the peak rate for each step. Names and values are Hugging Face's.
/// </summary>
internal abstract class Schedule
{
    /// <summary>The names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"];

    /// <summary>The factor of the peak learning rate at a step (optimizer steps completed, from 0).</summary>
    public abstract double Factor(long step);

    /// <summary>Creates a schedule by its Hugging Face name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="totalSteps">Optimizer steps of the run, at least 1.</param>
    /// <param name="warmupSteps">Steps over which the rate rises linearly from 0; <c>constant</c> ignores them.</param>
    /// <param name="options">What some schedules ask besides.</param>
    /// <exception cref="PeftException">The name is unknown or a number is out of range.</exception>
    public static Schedule Create(string name, long totalSteps, long warmupSteps = 0, ScheduleOptions? options = null)
    {
        options ??= new ScheduleOptions();
        options.Validate();
        if (totalSteps < 1) throw new PeftException($"A schedule of {totalSteps} steps was asked for; expected at least 1.");
        if (warmupSteps < 0) throw new PeftException($"A warm-up of {warmupSteps} steps was asked for; expected 0 or more.");
        return name switch
        {
            "linear" => new LinearSchedule(totalSteps, warmupSteps),
            "cosine" => new CosineSchedule(totalSteps, warmupSteps, options.Cycles ?? 0.5),
            "cosine_with_restarts" => new RestartingCosineSchedule(totalSteps, warmupSteps, options.Cycles ?? 1),
            "polynomial" => new PolynomialSchedule(totalSteps, warmupSteps, options.Power, options.EndFactor),
            "constant" => new ConstantSchedule(0),
            "constant_with_warmup" => new ConstantSchedule(warmupSteps),
            "inverse_sqrt" => new InverseSquareRootSchedule(warmupSteps, options.Timescale),
            _ => throw new PeftException($"There is no learning-rate schedule '{name}'; use one of {string.Join(", ", Names)}."),
        };
    }

    /// <summary>The warm-up steps that a share of the run makes, rounded up.</summary>
    /// <param name="totalSteps">Optimizer steps of the run.</param>
    /// <param name="ratio">Share, 0 to 1.</param>
    public static long WarmupSteps(long totalSteps, double ratio) => ratio is >= 0 and <= 1
        ? (long)Math.Ceiling(totalSteps * ratio)
        : throw new PeftException($"A warm-up ratio of {ratio} was asked for; expected 0 to 1.");
}
