using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>How a run ended.</summary>
/// <param name="Steps">Optimizer steps completed.</param>
/// <param name="Stopped">True if it was stopped before its end by its caller.</param>
/// <param name="EarlyStopped">True if the score no longer rose.</param>
/// <param name="Loss">Mean loss of the last step.</param>
/// <param name="Evaluation">The last evaluation; that of the best weights where these were put back.</param>
/// <param name="BestStep">Step of the best evaluation; 0 if there was none.</param>
/// <param name="Seconds">Wall-clock seconds, evaluations included.</param>
/// <param name="TrainingSeconds">Wall-clock seconds of the steps alone.</param>
/// <param name="Samples">Examples trained on.</param>
/// <param name="Tokens">Real tokens trained on.</param>
public sealed record TrainingResult(
    long Steps, bool Stopped, bool EarlyStopped, double Loss, EvaluationResult? Evaluation, long BestStep, double Seconds, double TrainingSeconds, long Samples, long Tokens);

/// <summary>Trains a model on batches: the loop, and nothing that knows a method or an architecture.</summary>
public sealed class Trainer : IDisposable
{
    private readonly ITrainingModel _model;
    private readonly IBatchSource _batches;
    private readonly TrainerOptions _options;
    private readonly IEvaluator? _evaluator;
    private readonly ITrainingObserver[] _observers;
    private readonly Schedule _schedule;
    private readonly Stopwatch _steps = new();
    private long _samples, _tokens;
    private EvaluationResult? _last, _best;

    /// <summary>Prepares a run.</summary>
    /// <exception cref="PeftException">A setting is out of range, or there is nothing to train or no data.</exception>
    public Trainer(ITrainingModel model, IBatchSource batches, TrainerOptions options, IEvaluator? evaluator = null, params ITrainingObserver[] observers)
    {
        options.Validate();
        if (model.Parameters.Count == 0) throw new PeftException("The adapter has no tensors to train.");
        if (batches.Examples == 0) throw new PeftException("The training data has no examples.");
        (_model, _batches, _options, _evaluator, _observers) = (model, batches, options, evaluator, observers);
        StepsPerEpoch = options.StepsPerEpoch(batches.BatchesPerEpoch);
        TotalSteps = options.TotalSteps(batches.BatchesPerEpoch);
        var warmup = options.WarmupSteps > 0 ? options.WarmupSteps : Schedule.WarmupSteps(TotalSteps, options.WarmupRatio);
        _schedule = Schedule.Create(options.Schedule, TotalSteps, warmup);
        Optimizer = options.Optimizer == "sgd"
            ? new Sgd(model.Parameters, options.Momentum, options.WeightDecay)
            : new AdamW(model.Parameters, options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay);
    }

    /// <summary>Optimizer steps planned.</summary>
    public long TotalSteps { get; }

    /// <summary>Optimizer steps of an epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>The optimizer.</summary>
    public IOptimizer Optimizer { get; }

    /// <summary>Where the run stands.</summary>
    public TrainerState State { get; } = new();

    /// <summary>Runs to the end, or to the end of the step in which <paramref name="cancellation"/> is asked for.</summary>
    /// <exception cref="PeftException">The loss is not finite; the weights are those before the step.</exception>
    public TrainingResult Run(CancellationToken cancellation = default)
    {
        var watch = Stopwatch.StartNew();
        Tell(o => o.Started(new(TotalSteps, _batches.Examples, _model.Parameters.Sum(p => p.Value.numel()))));
        var (loss, early) = (double.NaN, false);
        while (State.Step < TotalSteps && !early && !cancellation.IsCancellationRequested)
        {
            loss = Step(watch);
            if (IsEvaluationDue()) early = Evaluate(cancellation);
        }
        if ((_options.LoadBest || _options.Patience > 0) && State.BestWeights.Count > 0 && State.BestStep != State.Step) RestoreBest();
        var result = new TrainingResult(
            State.Step, State.Step < TotalSteps && !early, early, loss, _last, State.BestStep,
            watch.Elapsed.TotalSeconds, _steps.Elapsed.TotalSeconds, _samples, _tokens);
        Tell(o => o.Finished(result));
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Optimizer.Dispose();
        foreach (var tensor in State.BestWeights.Values) tensor.Dispose();
    }

    private double Step(Stopwatch watch)
    {
        // Whatever a hook looks at, a gradient say, is a handle that has to be let go.
        using var scope = NewDisposeScope();
        _steps.Start();
        var rate = _options.LearningRate * _schedule.Factor(State.Step);
        var state = new StepState(State.Step, 0, TotalSteps, 0, rate);
        // An epoch's last step may have fewer micro-batches.
        var micro = Math.Min(_options.Accumulation, _batches.BatchesPerEpoch - State.Position);
        var (sum, examples, parts) = (0.0, 0, 0);
        for (var i = 0; i < micro; i++)
        {
            var seed = SeedSequence.Derive(_options.Seed, (ulong)(State.Step * _options.Accumulation + i));
            var (loss, rows, passes) = Backward(state with { MicroStep = i, Seed = seed }, State.Position + i, whole: micro == 1);
            sum += loss;
            examples += rows;
            parts += passes;
        }
        if (parts > 1) Average(examples);
        var norm = Clipping.ByNorm(_model.Parameters, _options.MaxGradientNorm);
        if (!double.IsFinite(norm)) throw NotFinite("The gradient");
        _model.AfterBackward(state);
        _model.BeforeStep(state);
        Optimizer.Step(rate);
        _model.AfterStep(state);
        Optimizer.ZeroGrad();
        Advance(micro);
        _samples += examples;
        _steps.Stop();
        Report(sum / examples, rate, norm, watch);
        return sum / examples;
    }

    // A batch that is too large for one pass goes through in parts: the gradient is the same sum, the activations are fewer.
    private (double Loss, int Rows, int Passes) Backward(StepState state, int index, bool whole)
    {
        using var scope = NewDisposeScope();
        using var batch = _batches.Batch(State.Epoch, index);
        var parts = batch.Split(_options.TokensPerPass);
        var sum = 0.0;
        for (var i = 0; i < parts.Count; i++)
            sum += Backward(parts[i], i == 0 ? state : state with { Seed = SeedSequence.Derive(state.Seed, (ulong)i) }, whole && parts.Count == 1);
        _tokens += batch.RealTokens;
        return (sum, batch.Rows, parts.Count);
    }

    private double Backward(TokenBatch batch, StepState state, bool alone)
    {
        using var scope = NewDisposeScope();
        var loss = _model.Loss(batch, state);
        var value = loss.to(ScalarType.Float64).item<double>();
        if (!double.IsFinite(value)) throw NotFinite("The loss");
        // Parts and micro-batches differ in size: each counts by its examples, so that the sum is the mean over all of them.
        AutogradFailures.Backward(alone ? loss : loss * batch.Rows);
        return value * batch.Rows;
    }

    private void Average(int examples)
    {
        using var guard = no_grad();
        foreach (var parameter in _model.Parameters) parameter.Value.grad?.div_(examples);
    }

    private PeftException NotFinite(string what)
    {
        Optimizer.ZeroGrad();
        return new($"{what} is not a finite number at step {State.Step + 1} of {TotalSteps}; the weights are those of step {State.Step}: lower the learning rate ({_options.LearningRate}) or clip gradients (max_grad_norm).");
    }

    private void Advance(int micro)
    {
        State.Step++;
        State.Position += micro;
        if (State.Position < _batches.BatchesPerEpoch) return;
        State.Position = 0;
        State.Epoch++;
    }

    private bool IsEvaluationDue() => _evaluator is not null && (State.Step == TotalSteps || _options.Evaluation switch
    {
        EvaluationMoment.Steps => State.Step % _options.EvaluationSteps == 0,
        EvaluationMoment.Epoch => State.Position == 0,
        _ => false,
    });

    private bool Evaluate(CancellationToken cancellation)
    {
        _last = _evaluator!.Evaluate(cancellation);
        var score = _last.HigherIsBetter ? _last.Values[_last.Primary] : -_last.Values[_last.Primary];
        var better = State.Best is not { } best || score > best + _options.Threshold;
        if (better)
        {
            (State.Best, State.BestStep, State.SinceBest, _best) = (score, State.Step, 0, _last);
            if (_options.LoadBest || _options.Patience > 0) State.KeepBest(_model.Parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)));
        }
        else State.SinceBest++;
        Tell(o => o.Evaluated(State.Step, _last, better));
        return _options.Patience > 0 && State.SinceBest >= _options.Patience;
    }

    private void RestoreBest()
    {
        using var guard = no_grad();
        foreach (var parameter in _model.Parameters) parameter.Value.copy_(State.BestWeights[parameter.Name]);
        _last = _best ?? _last;
    }

    private void Report(double loss, double rate, double norm, Stopwatch watch)
    {
        var seconds = Math.Max(1e-9, _steps.Elapsed.TotalSeconds);
        var remaining = TimeSpan.FromSeconds(watch.Elapsed.TotalSeconds / State.Step * (TotalSteps - State.Step));
        var epoch = State.Epoch + (double)State.Position / _batches.BatchesPerEpoch;
        var report = new StepReport(State.Step, TotalSteps, epoch, loss, rate, norm, _samples / seconds, _tokens / seconds, watch.Elapsed, remaining);
        Tell(o => o.StepCompleted(report));
    }

    private void Tell(Action<ITrainingObserver> what)
    {
        foreach (var observer in _observers) what(observer);
    }
}
