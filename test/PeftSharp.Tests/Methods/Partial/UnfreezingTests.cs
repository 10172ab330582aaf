using PeftSharp.Methods.Partial.LastLayers;
using PeftSharp.Runs;
using PeftSharp.Tests.Matrix;
using PeftSharp.Tests.Training;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Gradual unfreezing and chain-thaw: which tensors move in which phase.</summary>
public sealed class UnfreezingTests
{
    [Theory]
    [InlineData("gradual", "0|01|012|0123")]
    [InlineData("chain", "0|3|2|1|0123")]
    [InlineData("together", "0123")]
    public void Phases_Are_Those_Of_The_Papers(string order, string expected) =>
        Assert.Equal(expected, string.Join('|', Unfreezing.Phases(order, [0, 1, 2, 3]).Select(p => string.Concat(p))));

    [Theory]
    [InlineData("gradual", "head|1 head|0 1 head|0 1 embeddings head")]
    [InlineData("chain", "head|embeddings|0|1|0 1 embeddings head")]
    public void Only_What_A_Phase_Trains_Moves(string order, string expected)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var adapter = bench.Add(new LastLayersOptions { Count = int.MaxValue, Embeddings = true, Unfreeze = order });
        var phases = adapter.Phases.Count;
        Assert.Equal(expected.Split('|').Length, phases);
        var moved = new List<string>();
        var before = Values();
        Dictionary<string, float[]> Values() => adapter.Tensors.ToDictionary(t => t.Name, t => t.Value.detach().data<float>().ToArray());
        void Look(StepReport report)
        {
            if (report.Step % 2 != 0) return; // two steps a phase
            var now = Values();
            moved.Add(string.Join(' ', now.Where(t => !before[t.Key].SequenceEqual(t.Value)).Select(t => Place(t.Key)).Distinct().Order()));
            before = now;
        }
        var options = new TrainerOptions { LearningRate = 0.01, MaxSteps = 2 * phases, WeightDecay = 0.1 };
        using var trainer = new Trainer(
            new TrainableAdapter(bench.Peft, adapter), new Batches([TinyModels.Batch()]), options, null, new Recorder(Look));
        trainer.Run();
        Assert.Equal(expected.Split('|'), moved);
    }

    private static string Place(string name) => name switch
    {
        _ when name.Contains("embeddings.", StringComparison.Ordinal) => "embeddings",
        _ when name.Contains("layer.0.", StringComparison.Ordinal) => "0",
        _ when name.Contains("layer.1.", StringComparison.Ordinal) => "1",
        _ => "head",
    };

    [Fact]
    public void An_Order_That_Is_Not_Known_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new LastLayersOptions { Unfreeze = "random" }), "unfreeze", "\"random\"");
    }
}
