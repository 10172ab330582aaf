using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Estimates;

/// <summary>What is known of a run before it starts: counts from its plan, time and memory from some of its own steps.</summary>
/// <param name="Forecast">Steps, batches, rows and tokens.</param>
/// <param name="Probe">The steps that were made.</param>
/// <param name="Memory">Memory expected.</param>
/// <param name="Time">Time expected.</param>
/// <param name="Machine">Memory that there is.</param>
public sealed record RunEstimate(RunForecast Forecast, ProbeResult Probe, MemoryEstimate Memory, TimeEstimate Time, MachineMemory Machine)
{
    /// <summary>True if the memory expected is more than there is.</summary>
    public bool ExceedsMemory => Memory.Peak > Machine.Bytes;

    /// <summary>
    /// Estimates a run in the process that holds what it needs: model, adapter and rows are loaded. Takes some steps' time; the adapter is
    /// of no use afterwards.
    /// </summary>
    /// <param name="model">What the run will train.</param>
    /// <param name="train">The rows to train on.</param>
    /// <param name="plan">How they are put into batches.</param>
    /// <param name="options">The trainer's settings.</param>
    /// <param name="width">Width of the model's residual stream.</param>
    /// <param name="evaluator">What the run will be scored with; null for nothing.</param>
    /// <param name="loading">Time that loading took.</param>
    /// <param name="finishing">What the run does after its last step; its time and memory are added.</param>
    /// <param name="progress">Called after each step with the steps done and the most that will be made.</param>
    /// <param name="saves">When the run's state is saved.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="PeftException">A setting is out of range, there is nothing to train on, or the loss is not finite.</exception>
    public static RunEstimate Create(
        ITrainingModel model, TokenizedDataset train, BatchPlan plan, TrainerOptions options, int width, Evaluator? evaluator,
        TimeSpan loading = default, Action<RunForecast, ProbeResult>? finishing = null, Action<int, int>? progress = null,
        SaveMoment saves = SaveMoment.Never, CancellationToken cancellation = default)
    {
        options.Validate();
        if (train.Count == 0) throw new PeftException("The training data has no examples.");
        var machine = MachineMemory.Read();
        var forecast = new RunForecast(train.Lengths, plan, options, width, evaluator is not null, model.AddedTokens);
        var back = model.Rehearse();
        var probe = new Probe(model, train, forecast, options, evaluator)
        {
            Progress = progress,
            MemoryLimit = machine.Bytes,
            Saves = saves,
        }.Run(cancellation);
        back?.Invoke();
        var start = Stopwatch.GetTimestamp();
        finishing?.Invoke(forecast, probe);
        var rest = loading + Stopwatch.GetElapsedTime(start);
        return new(
            forecast, probe, MemoryEstimate.Of(model, options, probe, forecast.Steps),
            TimeEstimate.Of(forecast, probe, evaluator, rest.TotalSeconds), machine);
    }
}
