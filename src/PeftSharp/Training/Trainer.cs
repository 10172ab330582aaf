using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>Trains a model on batches: the loop, and nothing that knows a method or an architecture.</summary>
public sealed class Trainer : IDisposable
{
    // Less often, and the heap's holes add up; more often, and the steps take longer to get their memory again (a second of a minute at
    // 20).
    private const int StepsPerTrim = 20;

    private readonly ITrainingModel _model;
    private readonly IBatchSource _batches;
    private readonly TrainerOptions _options;
    private readonly IEvaluator? _evaluator;
    private readonly ITrainingObserver[] _observers;
    private readonly PhasePlan _phases;
    private readonly Stopwatch _watch = new(), _steps = new();
    // What a resumed run took before this process.
    private double _secondsBefore, _stepSecondsBefore;
    private KeptWeights? _best;

    /// <summary>Prepares a run.</summary>
    /// <exception cref="PeftException">A setting is out of range, or there is nothing to train or no data.</exception>
    public Trainer(
        ITrainingModel model, IBatchSource batches, TrainerOptions options, IEvaluator? evaluator = null,
        params ITrainingObserver[] observers)
    {
        options.Validate();
        if (model.Parameters.Count == 0) throw new PeftException("The adapter has no tensors to train.");
        if (batches.Examples == 0) throw new PeftException("The training data has no examples.");
        (_model, _batches, _options, _evaluator, _observers) = (model, batches, options, evaluator, observers);
        StepsPerEpoch = options.StepsPerEpoch(batches.BatchesPerEpoch);
        TotalSteps = options.TotalSteps(batches.BatchesPerEpoch);
        _phases = new(model.Phases, options, TotalSteps);
        Optimizer = CreateOptimizer();
    }

    /// <summary>Optimizer steps planned.</summary>
    public long TotalSteps { get; }

    /// <summary>Optimizer steps of an epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>The optimizer.</summary>
    public IOptimizer Optimizer { get; private set; }

    /// <summary>Where the run stands.</summary>
    public TrainerState State { get; private set; } = new();

    /// <summary>Passes over the data so far, a fraction.</summary>
    public double Epoch => State.Epoch + (double)State.Position / _batches.BatchesPerEpoch;

    /// <summary>True if there is nothing left to do: the last step is taken and scored, or scores no longer rise.</summary>
    public bool IsOver => !State.EvaluationDue && (State.Step >= TotalSteps || IsOutOfPatience);

    /// <summary>
    /// Runs to the end, or to the end of the step in which <paramref name="cancellation"/> is asked for (an evaluation is cut off).
    /// </summary>
    /// <exception cref="PeftException">The loss is not finite; the weights are those before the step.</exception>
    public TrainingResult Run(CancellationToken cancellation = default)
    {
        _watch.Start();
        Tell(o => o.Started(new(TotalSteps, _batches.Examples, _model.Parameters.Sum(p => p.Value.numel()))));
        try
        {
            Prepare(cancellation);
            while (!IsOver && !cancellation.IsCancellationRequested)
            {
                if (!State.EvaluationDue)
                {
                    EnterPhase();
                    Step();
                }
                if (State.EvaluationDue) Evaluate(cancellation);
                Tell(o => o.AtRest(this));
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested) { }
        var stopped = !IsOver;
        if (stopped) Tell(o => o.Interrupted(this));
        var last = State.LastEvaluation;
        if (KeepsBest && _best is not null && State.BestStep != State.Step)
        {
            _best.Restore(_model);
            last = State.BestEvaluation ?? last;
        }
        MeasureTime();
        var result = new TrainingResult(
            State.Step, stopped, !stopped && IsOutOfPatience, State.Loss, last, State.BestStep, State.Seconds, State.StepSeconds,
            State.Samples, State.Tokens);
        Tell(o => o.Finished(result));
        return result;
    }

    /// <summary>
    /// A copy of everything that the run needs to go on: numbers, parameters, optimizer, the method's own state, the best weights. The
    /// caller disposes it.
    /// </summary>
    public TrainerSnapshot Export()
    {
        MeasureTime();
        return TrainerSnapshot.Take(State, _model, Optimizer, _best);
    }

    /// <summary>Goes back to an exported state; the next <see cref="Run"/> continues from there, bit for bit.</summary>
    /// <exception cref="PeftException">It belongs to another model, method or optimizer: a tensor is missing or has another shape. The run
    /// is not to be used then.</exception>
    public void Import(TrainerSnapshot snapshot)
    {
        snapshot.RestoreModel(_model);
        // The method may have given its parameters other shapes.
        RenewOptimizer();
        snapshot.RestoreOptimizer(Optimizer);
        _best?.Dispose();
        _best = snapshot.Best;
        State = snapshot.State with { };
        (_secondsBefore, _stepSecondsBefore) = (State.Seconds, State.StepSeconds);
        _watch.Reset();
        _steps.Reset();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Optimizer.Dispose();
        _best?.Dispose();
    }

    // Once in the life of a run, resumed or not; a checkpoint from before this was kept has steps behind it.
    private void Prepare(CancellationToken cancellation)
    {
        if (State.Prepared || State.Step > 0 || IsOver || cancellation.IsCancellationRequested) return;
        var before = _model.Parameters;
        _model.Prepare(_batches, SeedSequence.Derive(_options.Seed, "prepare"), cancellation);
        State.Prepared = true;
        if (!ReferenceEquals(before, _model.Parameters)) RenewOptimizer();
    }

    // At a border what is trained, and what counts as best, begins anew; the steps before it and the data go on.
    private void EnterPhase()
    {
        var phase = _phases.At(State.Step);
        if (phase == State.Phase) return;
        _model.EnterPhase(phase);
        State.Phase = phase;
        (State.Best, State.BestStep, State.SinceBest, State.BestEvaluation) = (null, 0, 0, null);
        _best?.Dispose();
        _best = null;
        RenewOptimizer();
    }

    private void RenewOptimizer()
    {
        Optimizer.Dispose();
        Optimizer = CreateOptimizer();
    }

    private void Step()
    {
        // Whatever a hook looks at, a gradient say, is a handle that has to be let go.
        using var scope = NewDisposeScope();
        _steps.Start();
        var rate = _options.LearningRate * _phases.Factor(State.Step);
        var stepSeed = SeedSequence.Derive(SeedSequence.Derive(_options.Seed, "step"), (ulong)State.Step);
        var state = new StepState(State.Step, 0, TotalSteps, stepSeed, rate, State.Phase);
        // An epoch's last step may have fewer micro-batches.
        var micro = Math.Min(_options.Accumulation, _batches.BatchesPerEpoch - State.Position);
        var done = new Passes();
        for (var i = 0; i < micro; i++)
        {
            var seed = SeedSequence.Derive(_options.Seed, (ulong)(State.Step * _options.Accumulation + i));
            done += Backward(state with { MicroStep = i, Seed = seed }, State.Position + i, whole: micro == 1);
        }
        // A step in which nothing is labelled changes nothing: neither momentum nor decay acts.
        var norm = done.Weight > 0 ? Update(state, done, rate) : 0;
        State.Samples += done.Rows;
        Advance(micro);
        RequireLabels();
        if (State.Step % StepsPerTrim == 0) NativeHeap.Trim();
        _steps.Stop();
        Report(rate, norm);
    }

    private double Update(StepState state, Passes done, double rate)
    {
        if (!done.IsOne) Average(done.Weight);
        var norm = Clipping.ByNorm(_model.Parameters, _options.MaxGradientNorm);
        if (!double.IsFinite(norm)) throw NotFinite("The gradient");
        _model.AfterBackward(state);
        _model.BeforeStep(state);
        Optimizer.Step(rate);
        _model.AfterStep(state);
        Optimizer.ZeroGrad();
        State.Loss = done.Loss / done.Weight;
        return norm;
    }

    // A batch that is too large for one pass goes through in parts: the gradient is the same sum, the activations are fewer.
    private Passes Backward(StepState state, int index, bool whole)
    {
        using var scope = NewDisposeScope();
        using var batch = _batches.Batch(State.Epoch, index);
        var parts = batch.Split(_options.TokensPerPass, _model.AddedTokens);
        var done = new Passes();
        for (var i = 0; i < parts.Count; i++)
            done += Backward(
                parts[i], i == 0 ? state : state with { Seed = SeedSequence.Derive(state.Seed, (ulong)i) }, whole && parts.Count == 1);
        State.Tokens += batch.RealTokens;
        return done;
    }

    private Passes Backward(TokenBatch batch, StepState state, bool alone)
    {
        using var scope = NewDisposeScope();
        var (mean, weight) = _model.Loss(batch, state);
        if (weight == 0) return new(0, 0, batch.Rows, alone);
        var value = mean.to(ScalarType.Float64).item<double>();
        if (!double.IsFinite(value)) throw NotFinite("The loss");
        // Parts and micro-batches differ in size: each counts by its weight, so that the sum is the mean over all of them.
        AutogradFailures.Backward(alone ? mean : mean.Times(weight));
        return new(value * weight, weight, batch.Rows, alone);
    }

    private void Average(double weight)
    {
        using var guard = no_grad();
        foreach (var parameter in _model.Parameters) parameter.Value.grad?.Scale(1 / weight);
    }

    private void RequireLabels()
    {
        var isOver = State.Position == 0 || State.Step == TotalSteps;
        if (isOver && double.IsNaN(State.Loss))
            throw new PeftException(
                "Nothing in the training data is labelled (every label is -100 or lies outside its text), so there is nothing to learn; "
                + "check the labels and the column that they come from.");
    }

    /// <summary>What went through the model for one step so far.</summary>
    /// <param name="Loss">Sum of the losses, each times its weight.</param>
    /// <param name="Weight">Sum of the weights.</param>
    /// <param name="Rows">Examples.</param>
    /// <param name="IsOne">True if the gradient is that of one pass as it is, not a sum that has to be divided.</param>
    private readonly record struct Passes(double Loss, double Weight, int Rows, bool IsOne)
    {
        public static Passes operator +(Passes a, Passes b) => new(a.Loss + b.Loss, a.Weight + b.Weight, a.Rows + b.Rows, b.IsOne);
    }

    private PeftException NotFinite(string what)
    {
        Optimizer.ZeroGrad();
        return new(
            $"{what} is not a finite number at step {State.Step + 1} of {TotalSteps}; the weights are those of step {State.Step}: lower "
            + $"the learning rate ({_options.LearningRate}) or clip gradients (max_grad_norm).");
    }

    private void Advance(int micro)
    {
        State.Step++;
        State.Position += micro;
        if (State.Position >= _batches.BatchesPerEpoch) (State.Epoch, State.Position) = (State.Epoch + 1, 0);
        State.EvaluationDue = IsEvaluationMoment();
    }

    private bool IsEvaluationMoment() => _evaluator is not null && (State.Step == TotalSteps || _options.Evaluation switch
    {
        EvaluationMoment.Steps => State.Step % _options.EvaluationSteps == 0,
        EvaluationMoment.Epoch => State.Position == 0,
        _ => false,
    });

    private bool KeepsBest => _options.LoadBest || _options.Patience > 0;

    // A phase that is not the last leads up to the next, whatever it scores.
    private bool IsOutOfPatience => _options.Patience > 0 && State.SinceBest >= _options.Patience && State.Phase == _phases.Count - 1;

    private void Evaluate(CancellationToken cancellation)
    {
        var result = _evaluator!.Evaluate(cancellation);
        var score = result.HigherIsBetter ? result.Values[result.Primary] : -result.Values[result.Primary];
        var better = State.Best is not { } best || score > best + _options.Threshold;
        if (better)
        {
            (State.Best, State.BestStep, State.SinceBest, State.BestEvaluation) = (score, State.Step, 0, result);
            if (KeepsBest)
            {
                _best?.Dispose();
                _best = new(_model);
            }
        }
        else State.SinceBest++;
        (State.LastEvaluation, State.EvaluationDue) = (result, false);
        Tell(o => o.Evaluated(State.Step, result, better));
    }

    private IOptimizer CreateOptimizer() => OptimizerKind.Create(_model.Parameters, _options);

    private void MeasureTime() => (State.Seconds, State.StepSeconds) =
        (_secondsBefore + _watch.Elapsed.TotalSeconds, _stepSecondsBefore + _steps.Elapsed.TotalSeconds);

    private void Report(double rate, double norm)
    {
        MeasureTime();
        var seconds = Math.Max(1e-9, State.StepSeconds);
        var remaining = TimeSpan.FromSeconds(State.Seconds / State.Step * (TotalSteps - State.Step));
        var report = new StepReport(
            State.Step, TotalSteps, Epoch, State.Loss, rate, norm, State.Samples / seconds, State.Tokens / seconds,
            TimeSpan.FromSeconds(State.Seconds), remaining);
        Tell(o => o.StepCompleted(report));
    }

    private void Tell(Action<ITrainingObserver> what)
    {
        foreach (var observer in _observers) what(observer);
    }
}
