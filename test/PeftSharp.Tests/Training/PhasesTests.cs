using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training;

/// <summary>
/// A method may train other tensors from one phase to the next; a run stops and goes on inside a phase and at a border alike.
/// </summary>
public sealed class PhasesTests
{
    private static readonly TrainerOptions Options = new() { LearningRate = 0.01, MaxSteps = 9, Seed = 5, WarmupRatio = 0.25 };

    private static readonly ToyBatches Data = new(26, 4);

    [Fact]
    public void Each_Phase_Trains_Its_Own_Tensors()
    {
        using var model = new Phased();
        var seen = new List<(long Step, int Phase, float W2, float Extra)>();
        using var trainer = new Trainer(
            model, Data, Options, null, new Recorder(r => seen.Add((r.Step, model.Phase, model.First("w2"), model.First("extra")))));
        Assert.Equal("w1,b1,w2", string.Join(',', model.Parameters.Select(p => p.Name)));
        trainer.Run();
        Assert.Equal("w1,extra", string.Join(',', model.Parameters.Select(p => p.Name)));
        Assert.Equal(["enter 1 at 6"], model.Entered);
        Assert.Equal([0, 0, 0, 0, 0, 0, 1, 1, 1], seen.Select(s => s.Phase));
        Assert.Equal(6, seen.Take(6).Select(s => s.W2).Distinct().Count());
        Assert.Single(seen.Skip(5).Select(s => s.W2).Distinct());
        Assert.Equal(3, seen.Skip(6).Select(s => s.Extra).Distinct().Count());
        Assert.All(
            trainer.Optimizer.State.Keys,
            name => Assert.True(name.StartsWith("w1/", StringComparison.Ordinal) || name.StartsWith("extra/", StringComparison.Ordinal)));
        Assert.Equal(3, trainer.Optimizer.State["w1/step"].item<float>());
    }

    [Fact]
    public void Each_Phase_Has_Its_Own_Schedule()
    {
        using var model = new Phased();
        var record = new Recorder();
        using var trainer = new Trainer(model, Data, Options, null, record);
        trainer.Run();
        // Linear, two of six steps to warm up, then one of three.
        double[] expected = [0, 0.5, 1, 0.75, 0.5, 0.25, 0, 1, 0.5];
        Assert.Equal(expected, record.Steps.Select(s => Math.Round(s.LearningRate / Options.LearningRate, 12)));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(6)] // the border: the second phase has not begun
    [InlineData(7)]
    [InlineData(8)]
    public void A_Run_Goes_On_In_Its_Phase_Bit_For_Bit(int steps)
    {
        using var whole = new Phased();
        using (var trainer = new Trainer(whole, Data, Options)) trainer.Run();

        using var folder = new Files.TempFolder();
        var store = new CheckpointStore(folder.File("checkpoints"));
        using (var begun = new Phased())
        using (var stop = new CancellationTokenSource())
        using (
            var trainer = new Trainer(
                begun, Data, Options, null, new Recorder(r => { if (r.Step == steps) stop.Cancel(); }),
                new CheckpointWriter(store, Resume.Runs.Fingerprint)))
            Assert.True(trainer.Run(stop.Token).Stopped);

        using var again = new Phased();
        using var checkpoint = store.Newest()!;
        using var resumed = new Trainer(again, Data, Options);
        resumed.Import(checkpoint.Snapshot);
        Assert.Equal(steps > 6 ? 1 : 0, again.Phase);
        resumed.Run();
        Assert.Equal(whole.Values(), again.Values());
        Assert.Equal(steps > 6 ? [] : ["enter 1 at 6"], again.Entered);
    }

    [Fact]
    public void What_Is_Best_Is_Judged_In_The_Last_Phase()
    {
        using var model = new Phased();
        var options = Options with { Evaluation = EvaluationMoment.Steps, EvaluationSteps = 1, Patience = 2 };
        // The first phase would be out of patience after its third step, and holds the highest score.
        using var trainer = new Trainer(model, Data, options, new ScriptedEvaluator(0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1));
        var result = trainer.Run();
        Assert.Equal((9, 7), (result.Steps, result.BestStep));
        Assert.Equal(0.2, result.Evaluation!.Values["accuracy"]);
        Assert.Equal(1, model.Phase);
    }

    [Fact]
    public void Fewer_Steps_Than_Phases_Are_Refused()
    {
        using var model = new Phased();
        var e = Assert.Throws<PeftException>(() => new Trainer(model, Data, Options with { MaxSteps = 1 }));
        Assert.Contains("1 optimizer steps, but the method trains in 2 phases (all, few)", e.Message);
    }

    /// <summary>Trains everything for two thirds of a run, then one matrix and a tensor that was not there before.</summary>
    private sealed class Phased : ITrainingModel, IDisposable
    {
        private readonly ToyModel _toy = new();
        private readonly Tensor _extra = zeros(3).requires_grad_().DetachFromDisposeScope();

        public int Phase { get; private set; }

        public List<string> Entered { get; } = [];

        public IReadOnlyList<TrainingPhase> Phases => [new("all", 2), new("few")];

        public IReadOnlyList<TrainableParameter> Parameters =>
            Phase == 0 ? _toy.Parameters : [_toy.Parameters[0], new("extra", _extra, false)];

        public IReadOnlyDictionary<string, Tensor> MethodState => Phase == 0
            ? _toy.MethodState
            : new Dictionary<string, Tensor>
            {
                ["count"] = _toy.MethodState["count"],
                ["b1"] = _toy.Parameters[1].Value,
                ["w2"] = _toy.Parameters[2].Value,
            };

        public JsonNode? MethodStateJson => new JsonObject { ["phase"] = Phase };

        private Dictionary<string, Tensor> All =>
            _toy.Parameters.ToDictionary(p => p.Name, p => p.Value).Append(new("extra", _extra)).ToDictionary();

        public float First(string name) => All[name].detach().view(-1)[0].item<float>();

        public float[] Values() => [.. _toy.Values(), .. _extra.detach().data<float>().ToArray()];

        public void EnterPhase(int phase)
        {
            Phase = phase;
            Entered.Add($"enter {phase} at {_toy.MethodState["count"].item<float>()}");
        }

        public void RestoreMethodState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
        {
            Phase = json!["phase"]!.GetValue<int>();
            using var guard = no_grad();
            foreach (var (name, value) in MethodState) value.copy_(tensors[name]);
        }

        public BatchLoss Loss(TokenBatch batch, StepState state)
        {
            Assert.Equal(Phase, state.Phase);
            var loss = _toy.Loss(batch, state);
            return Phase == 0 ? loss : loss with { Mean = loss.Mean + (_extra * (_toy.Parameters[0].Value.mean() + 1)).sum() };
        }

        public void AfterBackward(StepState state) { }

        public void BeforeStep(StepState state) { }

        public void AfterStep(StepState state)
        {
            using var guard = no_grad();
            _toy.MethodState["count"].add_(1);
            foreach (var tensor in All.Values) tensor.grad = null;
        }

        public void Dispose()
        {
            _toy.Dispose();
            _extra.Dispose();
        }
    }
}
