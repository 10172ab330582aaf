using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Estimates;

/// <summary>Makes some steps of a run for their time and memory. What is learned is of no use.</summary>
/// <param name="model">What the run will train.</param>
/// <param name="train">The rows to train on.</param>
/// <param name="forecast">The run's plan.</param>
/// <param name="options">The trainer's settings.</param>
/// <param name="evaluator">What the run will be scored with; null for nothing.</param>
internal sealed class Probe(
    ITrainingModel model, TokenizedDataset train, RunForecast forecast, TrainerOptions options, Evaluator? evaluator = null)
{
    private const int LeastSteps = 10, EvaluationBatches = 24;

    // Growth by less than this share of the peak in ten steps is none.
    private const double Growing = 0.003;

    // A gradient that is summed over micro-batches outlives a pass: two of them show that.
    private const int MostAccumulated = 2;

    /// <summary>Called after each training step with the steps done and the most that will be made.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>
    /// Bytes that the process may hold: larger batches are not tried where a small one shows that they would not fit. Default: no limit.
    /// </summary>
    public long MemoryLimit { get; init; } = long.MaxValue;

    /// <summary>After this time no further step begins once ten are made; default 30 s.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>When the run's state is saved: its copy is held for a moment. Default: never.</summary>
    public SaveMoment Saves { get; init; } = SaveMoment.Never;

    /// <summary>Runs it: a small batch, then the large ones in the run's order and others of all sizes, then evaluation batches.</summary>
    /// <exception cref="PeftException">The loss or the gradient is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public ProbeResult Run(CancellationToken cancellation = default)
    {
        var (loaded, garbage) = (ProcessMemory.Resident, new Garbage());
        var accumulation = Math.Min(options.Accumulation, MostAccumulated);
        var plan = ProbePlan.Create(train.Lengths, forecast);
        int[][] chosen = [.. plan.Batches, .. plan.Repeats];
        var run = new ProbedRun(model, train, chosen, forecast.Steps);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var watch = new Watch(
            this, enough, (plan.Batches.Count + accumulation - 1) / accumulation, (chosen.Length + accumulation - 1) / accumulation,
            peak => Largest(loaded, peak, plan));
        // With a rate near 0 the weights stay what they are, so no step can fail where the run's first would not.
        var settings = options with
        {
            MaxSteps = watch.Most,
            Accumulation = accumulation,
            LearningRate = double.Epsilon,
            LoadBest = false,
            Patience = 0,
        };
        using (var trainer = new Trainer(run, run, settings, null, watch))
        {
            trainer.Run(enough.Token);
            cancellation.ThrowIfCancellationRequested();
            if (watch.Refused is null && IsSaved(run.Seconds)) trainer.Export().Dispose();
        }
        garbage.Continue((double)forecast.Batches / run.Seconds.Count - 1);
        ProbedBatch[] batches = [.. chosen.Zip(run.Seconds, (rows, seconds) => Timed(train, rows, options.TokensPerPass, seconds))];
        return new()
        {
            Training = batches,
            Evaluation = watch.Refused is null ? Evaluate(cancellation) : [],
            UpdateSeconds = run.UpdateSeconds.Order().ElementAt(run.UpdateSeconds.Count / 2),
            Loaded = loaded,
            Trained = model.Parameters.Sum(p => p.Value.numel()),
            Losses = watch.Losses,
            Peaks = watch.Peaks,
            StillGrowing = watch.StillGrowing,
            NewSteps = watch.New,
            Shapes = (plan.LargeShapes, ProbePlan.Shapes(batches, forecast)),
            Refused = watch.Refused,
        };
    }

    // A short run ends before its state is ever saved, unless that was asked for.
    private bool IsSaved(List<double> seconds) =>
        Saves is SaveMoment.Steps or SaveMoment.Epoch
            || (Saves == SaveMoment.Auto && seconds.Average() * forecast.Batches >= CheckpointWriter.LeastInterval.TotalSeconds);

    // Activations grow with the work of a pass, optimizer and gradients do not.
    private long Largest(long loaded, long peak, ProbePlan plan)
    {
        var state = MemoryEstimate.StateBytes(model, options);
        return loaded + state + (long)(Math.Max(0, peak - loaded - state) / plan.WarmShare);
    }

    private List<ProbedBatch> Evaluate(CancellationToken cancellation)
    {
        if (evaluator is null) return [];
        var batches = evaluator.Batches;
        var result = new List<ProbedBatch>();
        // From the longest to the shortest.
        foreach (
            var at in Enumerable.Range(0, Math.Min(EvaluationBatches, batches.Count))
                .Select(i => i * batches.Count / Math.Min(EvaluationBatches, batches.Count)))
        {
            cancellation.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            evaluator.Outputs(batches[at]);
            result.Add(Timed(evaluator.Data, batches[at], 0, Stopwatch.GetElapsedTime(start).TotalSeconds));
        }
        return result;
    }

    private ProbedBatch Timed(TokenizedDataset data, int[] rows, int tokensPerPass, double seconds)
    {
        var shape = forecast.Shape(data.Lengths, rows);
        return new(shape.Rows, shape.Tokens, shape.Passes(tokensPerPass), shape.Work(forecast.Width), seconds);
    }

    private sealed class Watch(
        Probe probe, CancellationTokenSource enough, int planned, int most, Func<long, long> largest) : ITrainingObserver
    {
        /// <summary>Steps at most.</summary>
        public int Most => most;

        /// <summary>Steps with the shapes that were chosen.</summary>
        public int New => Math.Min(planned, Peaks.Count);

        /// <summary>True if ten more steps brought more memory, up to the last.</summary>
        public bool StillGrowing { get; private set; }

        public List<double> Losses { get; } = [];

        public List<long> Peaks { get; } = [];

        public long? Refused { get; private set; }

        public void StepCompleted(StepReport report)
        {
            Losses.Add(report.Loss);
            Peaks.Add(ProcessMemory.Peak);
            probe.Progress?.Invoke((int)report.Step, most);
            if (report.Step == 1 && largest(Peaks[0]) is var expected && expected > probe.MemoryLimit)
            {
                Refused = expected;
                enough.Cancel();
            }
            if (report.Step > planned && (report.Step - planned) % LeastSteps == 0)
            {
                StillGrowing = Peaks[^1] - Peaks[^(LeastSteps + 1)] > Growing * Peaks[^1];
                if (!StillGrowing) enough.Cancel();
            }
            // The first ten that repeat tell whether the others are needed: they are made in any case.
            var judging = report.Step >= planned && report.Step < planned + LeastSteps;
            if (report.Step >= LeastSteps && report.Elapsed > probe.TimeLimit && !judging) enough.Cancel();
        }
    }
}
