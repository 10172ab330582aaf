namespace PeftSharp.Training;

/// <summary>The phases of a run in optimizer steps, each with its schedule; a run without any has one.</summary>
internal sealed class PhasePlan
{
    private readonly long[] _ends;
    private readonly Schedule[] _schedules;

    /// <summary>Cuts a run into its phases; each has one step at least.</summary>
    /// <exception cref="PeftException">The run has fewer steps than phases.</exception>
    public PhasePlan(IReadOnlyList<TrainingPhase> phases, TrainerOptions options, long totalSteps)
    {
        if (totalSteps < phases.Count)
            throw new PeftException(
                $"The run has {totalSteps} optimizer steps, but the method trains in {phases.Count} phases "
                + $"({string.Join(", ", phases.Select(p => p.Name))}); give it {phases.Count} steps at least.");
        _ends = Ends(phases, totalSteps);
        _schedules = [.. _ends.Select((end, i) => ScheduleOf(options, end - StartOf(i)))];
    }

    /// <summary>Number of phases, 1 at least.</summary>
    public int Count => _ends.Length;

    /// <summary>The phase in which a step lies (steps completed, from 0).</summary>
    public int At(long step)
    {
        var at = Array.FindIndex(_ends, end => step < end);
        return at < 0 ? Count - 1 : at;
    }

    /// <summary>The factor of the peak learning rate at a step.</summary>
    public double Factor(long step)
    {
        var phase = At(step);
        return _schedules[phase].Factor(step - StartOf(phase));
    }

    private long StartOf(int phase) => phase == 0 ? 0 : _ends[phase - 1];

    private static long[] Ends(IReadOnlyList<TrainingPhase> phases, long totalSteps)
    {
        if (phases.Count == 0) return [totalSteps];
        var (all, soFar) = (phases.Sum(p => p.Share), 0.0);
        var ends = new long[phases.Count];
        for (var i = 0; i < ends.Length; i++)
        {
            soFar += phases[i].Share;
            var wanted = (long)Math.Round(totalSteps * soFar / all);
            ends[i] = Math.Clamp(wanted, (i == 0 ? 0 : ends[i - 1]) + 1, totalSteps - (ends.Length - 1 - i));
        }
        return ends;
    }

    private static Schedule ScheduleOf(TrainerOptions options, long steps)
    {
        var warmup = options.WarmupSteps > 0 ? options.WarmupSteps : Schedule.WarmupSteps(steps, options.WarmupRatio);
        return Schedule.Create(options.Schedule, steps, warmup);
    }
}
