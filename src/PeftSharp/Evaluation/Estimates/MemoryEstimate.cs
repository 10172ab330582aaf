using PeftSharp.Training;

namespace PeftSharp.Evaluation.Estimates;

/// <summary>How much memory a run is expected to hold at most, and what for.</summary>
/// <param name="Loaded">Bytes of program, libtorch, weights, adapter and rows, as they were before the first step.</param>
/// <param name="State">Bytes of gradients, optimizer and kept best weights, counted.</param>
/// <param name="Activations">Bytes of activations of the largest passes and what the allocator keeps of them, measured.</param>
/// <param name="Growth">Bytes by which the allocator is expected to grow on shapes that were not run.</param>
/// <param name="Peak">Bytes at most.</param>
public sealed record MemoryEstimate(long Loaded, long State, long Activations, long Growth, long Peak)
{
    private const int FloatBytes = 4;

    /// <summary>Reads the estimate off a probe and what the process has held since.</summary>
    /// <param name="model">What was probed.</param>
    /// <param name="options">The trainer's settings.</param>
    /// <param name="probe">What it showed.</param>
    public static MemoryEstimate Of(ITrainingModel model, TrainerOptions options, ProbeResult probe)
    {
        var state = StateBytes(model, options);
        var kept = options.LoadBest || options.Patience > 0 ? Bytes(model) : 0;
        var measured = probe.Refused ?? ProcessMemory.Peak;
        var growth = probe.Refused is null ? Growing(probe) : 0;
        return new(probe.Loaded, state + kept, Math.Max(0, measured - probe.Loaded - state), growth, measured + kept + growth);
    }

    /// <summary>Bytes of gradients and of the optimizer's state.</summary>
    internal static long StateBytes(ITrainingModel model, TrainerOptions options) =>
        Bytes(model) * (options.Optimizer != "sgd" ? 3 : options.Momentum > 0 ? 2 : 1);

    private static long Bytes(ITrainingModel model) => model.Parameters.Sum(p => p.Value.numel() * FloatBytes);

    // The more sizes the allocator has served, the rarer it meets one that it cannot: growth by the logarithm of their number.
    private static long Growing(ProbeResult probe)
    {
        var (all, run) = probe.Shapes;
        if (all <= run || run < 2 || probe.Peaks.Count < 2) return 0;
        return (long)((probe.Peaks[^1] - probe.Peaks[1]) * Math.Log((double)all / run) / Math.Log(run));
    }
}
