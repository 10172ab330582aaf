using PeftSharp.Training.Optimizers;
using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Cli.Training;

internal sealed record StepReport(long Step, long TotalSteps, double Epoch, double Loss, double LearningRate, double GradientNorm, double SamplesPerSecond, double TokensPerSecond, TimeSpan Elapsed, TimeSpan Remaining);

internal interface ITrainingObserver
{
    void Started(long totalSteps);

    void StepCompleted(StepReport step);

    void Evaluated(long step, EvaluationResult result);
}

internal sealed record TrainingResult(long Steps, long TotalSteps, bool Interrupted, bool StoppedEarly, double Seconds, EvaluationResult? Best, long BestStep);

/// <summary>A plain loop with the trainer's shape.</summary>
internal sealed class PlainTrainer(ITrainingModel model, TokenizedDataset data, TrainSettings settings, double rate, IEvaluator? evaluator, ITrainingObserver observer)
{
    private readonly List<Tensor> _best = [];
    private EvaluationResult? _bestResult;
    private long _bestStep, _total;
    private int _bad;

    public TrainingResult Run(CancellationToken cancellation)
    {
        var plan = new BatchPlan(data.Lengths, settings.BatchSize, settings.Order == "bucketed" ? BatchOrder.Bucketed : BatchOrder.Shuffled, settings.Seed);
        var perEpoch = Math.Max(1, (plan.BatchesPerEpoch + settings.Accumulate - 1) / settings.Accumulate);
        _total = settings.MaxSteps ?? Math.Max(1, (long)Math.Ceiling(perEpoch * settings.Epochs));
        var schedule = Schedule.Create(settings.Schedule, _total, settings.WarmupSteps ?? Schedule.WarmupSteps(_total, settings.WarmupRatio));
        var optimizer = new AdamW(model.Parameters, settings.Beta1, settings.Beta2, settings.Epsilon, settings.WeightDecay);
        var watch = Stopwatch.StartNew();
        long step = 0, rows = 0, tokens = 0;
        observer.Started(_total);
        for (var epoch = 0; step < _total; epoch++)
        {
            foreach (var group in plan.Epoch(epoch).Chunk(settings.Accumulate))
            {
                if (step == _total) break;
                using var scope = NewDisposeScope();
                var loss = 0.0;
                var lr = rate * schedule.Factor(step);
                var state = new StepState(step, 0, _total, settings.Seed + (ulong)step, lr);
                for (var micro = 0; micro < group.Length; micro++)
                {
                    using var batch = data.CreateBatch(group[micro]);
                    state = state with { MicroStep = micro, Seed = settings.Seed * 1_000_003 + (ulong)(step * settings.Accumulate + micro) };
                    var value = model.Loss(batch, state) / group.Length;
                    loss += value.item<float>();
                    value.backward();
                    (rows, tokens) = (rows + batch.Rows, tokens + batch.RealTokens);
                }
                var norm = Clip();
                model.AfterBackward(state);
                model.BeforeStep(state);
                optimizer.Step(lr);
                model.AfterStep(state);
                optimizer.ZeroGrad();
                step++;
                var elapsed = watch.Elapsed;
                observer.StepCompleted(new(step, _total, (double)step / perEpoch, loss, lr, norm, rows / elapsed.TotalSeconds, tokens / elapsed.TotalSeconds, elapsed, elapsed / step * (_total - step)));
                if (cancellation.IsCancellationRequested) return Result(step, true, false, watch);
                var due = settings.EvalSteps is { } every ? step % every == 0 : step % perEpoch == 0;
                if (evaluator is not null && (due || step == _total) && Evaluate(step, cancellation)) return Result(step, false, true, watch);
                if (cancellation.IsCancellationRequested) return Result(step, true, false, watch);
            }
        }
        return Result(step, false, false, watch);
    }

    private TrainingResult Result(long step, bool interrupted, bool early, Stopwatch watch)
    {
        using var guard = no_grad();
        if (settings.EarlyStopping is not null && _best.Count > 0)
            foreach (var (p, b) in model.Parameters.Zip(_best)) p.Value.copy_(b);
        return new(step, _total, interrupted, early, watch.Elapsed.TotalSeconds, _bestResult, _bestStep);
    }

    private bool Evaluate(long step, CancellationToken cancellation)
    {
        EvaluationResult result;
        try
        {
            result = evaluator!.Evaluate(cancellation);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        observer.Evaluated(step, result);
        var value = result.Values[result.Primary];
        if (_bestResult is null || (result.HigherIsBetter ? value > _bestResult.Values[result.Primary] : value < _bestResult.Values[result.Primary]))
        {
            (_bestResult, _bestStep, _bad) = (result, step, 0);
            _best.ForEach(b => b.Dispose());
            _best.Clear();
            _best.AddRange(model.Parameters.Select(p => p.Value.detach().clone().DetachFromDisposeScope()));
            return false;
        }
        return ++_bad >= (settings.EarlyStopping ?? int.MaxValue);
    }

    private double Clip()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var gradients = model.Parameters.Select(p => p.Value.grad).OfType<Tensor>().ToArray();
        var norm = stack(gradients.Select(g => g.square().sum())).sum().sqrt().item<float>();
        if (settings.MaxGradNorm > 0 && norm > settings.MaxGradNorm)
            foreach (var gradient in gradients) gradient.mul_(settings.MaxGradNorm / (norm + 1e-6));
        return norm;
    }
}
