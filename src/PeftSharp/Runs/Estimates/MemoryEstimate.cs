using PeftSharp.Training;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Runs.Estimates;

/// <summary>How much memory a run is expected to hold at most, and what for.</summary>
/// <param name="Loaded">Bytes of program, libtorch, weights, adapter and rows, as they were before the first step.</param>
/// <param name="State">Bytes of gradients, optimizer and kept best weights, counted.</param>
/// <param name="Activations">Bytes of activations of the largest passes and what the allocator keeps of them, measured.</param>
/// <param name="Growth">Bytes by which the allocator is expected to grow in steps that were not made.</param>
/// <param name="Peak">Bytes at most.</param>
public sealed record MemoryEstimate(long Loaded, long State, long Activations, long Growth, long Peak)
{
    private const int FloatBytes = 4;

    // How far the logarithm is followed: longer runs were not measured.
    private const int MostSteps = 1000;

    /// <summary>Reads the estimate off a probe and what the process has held since.</summary>
    /// <param name="model">What was probed.</param>
    /// <param name="options">The trainer's settings.</param>
    /// <param name="probe">What it showed.</param>
    /// <param name="steps">Optimizer steps of the whole run.</param>
    public static MemoryEstimate Of(ITrainingModel model, TrainerOptions options, ProbeResult probe, long steps)
    {
        var trained = probe.Trained > 0 ? probe.Trained * FloatBytes : Bytes(model);
        var state = StateBytes(trained, options);
        var kept = options.LoadBest || options.Patience > 0 ? Bytes(model) : 0;
        var measured = probe.Refused ?? ProcessMemory.Peak;
        var growth = probe.Refused is null ? Growing(probe, steps) : 0;
        return new(probe.Loaded, state + kept, Math.Max(0, measured - probe.Loaded - state), growth, measured + kept + growth);
    }

    /// <summary>Bytes of gradients and of the optimizer's state.</summary>
    internal static long StateBytes(ITrainingModel model, TrainerOptions options) => StateBytes(Bytes(model), options);

    private static long StateBytes(long trained, TrainerOptions options) =>
        trained + (long)(trained / FloatBytes * OptimizerKind.BytesPerWeight(options));

    private static long Bytes(ITrainingModel model) => model.Parameters.Sum(p => p.Value.numel() * FloatBytes);

    // The more steps the allocator has served, the rarer it meets one that it cannot: growth by the logarithm of their number.
    private static long Growing(ProbeResult probe, long steps)
    {
        var (all, run) = probe.Shapes;
        var (first, made) = (probe.NewSteps, probe.Peaks.Count);
        if (all > run && run > 1 && made > 1) return More(probe.Peaks[1], probe.Peaks[^1], run, all);
        return probe.StillGrowing
            ? More(probe.Peaks[first - 1], probe.Peaks[^1], (double)made / first, (double)Math.Min(steps, MostSteps) / first)
            : 0;
    }

    // What grew to the first number by its logarithm, at the second.
    private static long More(long before, long after, double reached, double end) =>
        end <= reached ? 0 : (long)((after - before) * (Math.Log(end) / Math.Log(reached) - 1));
}
