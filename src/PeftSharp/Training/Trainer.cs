using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Training;

/// <summary>Trains a model on batches: the loop, and nothing that knows a method or an architecture.</summary>
public sealed partial class Trainer : IDisposable
{
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
    internal IOptimizer Optimizer { get; private set; }

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
