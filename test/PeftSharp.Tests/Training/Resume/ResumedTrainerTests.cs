using System.Text.Json.Nodes;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training.Resume;

/// <summary>Whatever a run remembers comes back from the disk.</summary>
public sealed class ResumedTrainerTests
{
    private static readonly TrainerOptions Scored =
        Runs.Options with { Evaluation = EvaluationMoment.Steps, EvaluationSteps = 1, Patience = 3, Threshold = 0.01 };

    [Theory]
    [InlineData(1)]
    [InlineData(4)] // the first epoch ends: its last step has one micro-batch fewer
    [InlineData(7)]
    [InlineData(11)]
    public void A_Run_Goes_On_From_The_Disk_Bit_For_Bit(int steps)
    {
        using var runs = new Runs();
        runs.Save(steps);
        var (values, result, _) = runs.GoOn();
        Assert.Equal(Runs.Whole(), values);
        Assert.Equal((12, 78, 390), (result.Steps, result.Samples, result.Tokens));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Early_Stopping_Counts_On_And_The_Best_Weights_Come_Back(int steps)
    {
        double[] scores = [0.1, 0.5, 0.505, 0.3, 0.4, 0.9];
        using var runs = new Runs();
        runs.Save(steps, options: Scored, evaluator: new ScriptedEvaluator(scores));
        var (values, result, _) = runs.GoOn(Scored, new ScriptedEvaluator(scores[steps..]));
        Assert.True(result.EarlyStopped);
        Assert.Equal((5, 2), (result.Steps, result.BestStep));
        Assert.Equal(0.5, result.Evaluation!.Values["accuracy"]);
        Assert.Equal(Runs.Whole(Scored, new ScriptedEvaluator(scores)), values);
    }

    [Fact]
    public void A_Run_That_Was_Out_Of_Patience_Takes_No_Further_Step()
    {
        double[] scores = [0.5, 0.1, 0.1, 0.1];
        using var runs = new Runs();
        runs.Save(4, options: Scored, evaluator: new ScriptedEvaluator(scores));
        var (values, result, _) = runs.GoOn(Scored, new ScriptedEvaluator(0.9));
        Assert.Equal((4, 1), (result.Steps, result.BestStep));
        Assert.True(result.EarlyStopped);
        Assert.Equal(Runs.Whole(Scored, new ScriptedEvaluator(scores)), values);
    }

    [Fact]
    public void An_Evaluation_That_Was_Cut_Off_Is_Repeated_Before_The_Next_Step()
    {
        double[] scores = [0.1, 0.5, 0.2, 0.2, 0.2];
        using var runs = new Runs();
        using (var stop = new CancellationTokenSource())
        using (var model = new ToyModel())
        {
            // The step is taken, then the run is asked to stop: the evaluation throws.
            var writer = new CheckpointWriter(new(runs.Root), Runs.Fingerprint);
            using var trainer = new Trainer(
                model, Runs.Data, Scored, new ScriptedEvaluator(scores), new Recorder(r => { if (r.Step == 2) stop.Cancel(); }), writer);
            Assert.True(trainer.Run(stop.Token).Stopped);
            Assert.True(trainer.State.EvaluationDue);
            Assert.Equal(2, writer.SavedStep);
        }
        var (values, result, _) = runs.GoOn(Scored, new ScriptedEvaluator(scores[1..]));
        Assert.Equal((5, 2), (result.Steps, result.BestStep));
        Assert.Equal(Runs.Whole(Scored, new ScriptedEvaluator(scores)), values);
    }

    [Fact]
    public void A_Method_May_Change_The_Shapes_Of_Its_Tensors_And_Keep_Json()
    {
        using var runs = new Runs();
        var store = new CheckpointStore(runs.Root);
        float[] whole;
        using (var model = new Growing())
        using (var trainer = new Trainer(model, Runs.Data, Runs.Options))
        {
            trainer.Run();
            whole = model.Values();
        }
        using (var model = new Growing())
        using (var stop = new CancellationTokenSource())
        using (
            var trainer = new Trainer(
                model, Runs.Data, Runs.Options, null, new Recorder(r => { if (r.Step == 5) stop.Cancel(); }),
                new CheckpointWriter(store, Runs.Fingerprint)))
            trainer.Run(stop.Token);
        using var second = new Growing();
        using var checkpoint = store.Newest()!;
        using var resumed = new Trainer(second, Runs.Data, Runs.Options);
        resumed.Import(checkpoint.Snapshot);
        Assert.Equal(5, second.Grown);
        Assert.Equal([8], second.MethodState["history"].shape);
        resumed.Run();
        Assert.Equal(whole, second.Values());
    }

    [Fact]
    public void State_Of_Another_Model_Or_Optimizer_Is_Refused_By_Name()
    {
        using var runs = new Runs();
        runs.Save(2);
        var e = Assert.Throws<PeftException>(() => runs.GoOn(Runs.Options with { Optimizer = "sgd", Momentum = 0.9 }));
        Assert.Contains("the optimizer", e.Message);
        using var checkpoint = new CheckpointStore(runs.Root).Newest()!;
        using var model = new Growing();
        using var trainer = new Trainer(model, Runs.Data, Runs.Options);
        Assert.Contains("JSON", Assert.Throws<PeftException>(() => trainer.Import(checkpoint.Snapshot)).Message);
    }

    [Fact]
    public void A_Fingerprint_Names_The_First_Field_That_Differs()
    {
        RunFingerprint Run(params (string, string)[] fields) => new([.. fields.Select(f => KeyValuePair.Create(f.Item1, f.Item2))], "here");
        var saved = Run(("method", "LORA"), ("r", "8"), ("seed", "42"));
        saved.Require(Run(("method", "LORA"), ("r", "8"), ("seed", "42")), "checkpoint-3");
        Assert.Contains(
            "checkpoint-3 was saved by a run with seed 42, but this run has 43;",
            Assert.Throws<PeftException>(() => saved.Require(Run(("method", "LORA"), ("r", "8"), ("seed", "43")), "checkpoint-3")).Message);
        Assert.Contains(
            "with use_dora not set, but this run has true;",
            Assert.Throws<PeftException>(
                () => saved.Require(Run(("method", "LORA"), ("r", "8"), ("use_dora", "true"), ("seed", "42")), "x")).Message);
        Assert.Contains(
            "with r 8, but this run has none;",
            Assert.Throws<PeftException>(() => saved.Require(Run(("method", "LORA"), ("seed", "42")), "x")).Message);
        Assert.Equal(saved.Fields, RunFingerprint.FromJson(saved.ToJson(), "here").Fields);
    }

    /// <summary>Its own tensor grows with every step, and scales the loss; a count is kept as JSON.</summary>
    private sealed class Growing : ITrainingModel, IDisposable
    {
        private readonly ToyModel _toy = new();
        private readonly Dictionary<string, Tensor> _state = new() { ["history"] = zeros(3) };

        public int Grown { get; private set; }

        public IReadOnlyList<TrainableParameter> Parameters => _toy.Parameters;

        public IReadOnlyDictionary<string, Tensor> MethodState => _state;

        public JsonNode MethodStateJson => new JsonObject { ["grown"] = Grown };

        public float[] Values() => [.. _toy.Values(), .. _state["history"].data<float>().ToArray()];

        public BatchLoss Loss(PeftSharp.Data.TokenBatch batch, StepState state)
        {
            var (mean, weight) = _toy.Loss(batch, state);
            return new(mean * (1 + _state["history"].sum()), weight);
        }

        public void AfterBackward(StepState state) { }

        public void BeforeStep(StepState state) { }

        public void AfterStep(StepState state)
        {
            Replace(cat([_state["history"], full([1], 0.125f * ++Grown)]));
        }

        public void RestoreMethodState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
        {
            Grown = json?["grown"]?.GetValue<int>() ?? throw new PeftException("The saved state has no JSON of this method.");
            Replace(tensors["history"].clone());
        }

        public void Dispose()
        {
            _toy.Dispose();
            _state["history"].Dispose();
        }

        private void Replace(Tensor history)
        {
            _state["history"].Dispose();
            _state["history"] = history.DetachFromDisposeScope();
        }
    }
}
