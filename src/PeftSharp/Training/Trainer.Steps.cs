using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training;

// One optimizer step: micro-batches and their parts, the gradient's mean, and what may go wrong with it.
public sealed partial class Trainer
{
    private readonly HeapGrowth _heap = new();

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
        _heap.AfterStep();
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
}
