using PeftSharp.Methods.Full;
using PeftSharp.Methods.Partial;
using PeftSharp.Methods.Partial.Sam;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>The second-order approximation: weights chosen by the gradient of the whole loss.</summary>
public sealed class SamTests
{
    // The gradient of one batch of all rows is taken by another method.
    [Theory]
    [InlineData("bert", TaskKind.Classification)]
    [InlineData("bert", TaskKind.TokenClassification)]
    [InlineData("gpt2", TaskKind.Classification)]
    [InlineData("t5", TaskKind.SequenceToSequence)]
    [InlineData("deberta-v2", TaskKind.Classification)]
    [InlineData("albert", TaskKind.Classification)]
    [InlineData("mpnet", TaskKind.Classification)]
    [InlineData("opt", TaskKind.Classification)]
    public void The_Chosen_Weights_Have_The_Largest_Gradient_Of_The_Mean_Loss(string architecture, TaskKind task)
    {
        using var scope = NewDisposeScope();
        var options = new ModelOptions { Task = task, Precision = ScalarType.Float64 };
        using Bench bench = new(architecture, options), full = new(architecture, options);
        var whole = full.Add(new FullOptions());
        var rows = TinyModels.Rows([0, 1, 2, 3], 9, task: task);
        full.Peft.Model.Loss(rows, new ForwardContext { Selection = AdapterSelection.Of(whole.Tag) }).Mean.Backpropagate();
        var adapter = (SamMethod)bench.Add(new SamOptions { KeepNumber = 150 });
        Assert.Equal("magnitude", adapter.ChosenBy);
        var cut = new Batches([TinyModels.Rows([0, 1], 9, task: task), TinyModels.Rows([2, 3], 11, task: task)]);
        new TrainableAdapter(bench.Peft, adapter).Prepare(cut, 0);
        Assert.Equal("gradient", adapter.ChosenBy);

        var kept = adapter.State.SelectMany(s => s.Value.data<long>().ToArray().Select(at => (s.Key, at))).ToHashSet();
        Assert.Equal(150, kept.Count);
        double least = double.MaxValue, most = 0;
        foreach (var slot in adapter.Slots)
        {
            var gradient = whole.Tensors.First(t => t.Name == slot.Name).Value.grad;
            if (gradient is null) continue;
            var sizes = gradient.abs().reshape(-1).data<double>().ToArray();
            for (var at = 0; at < sizes.Length; at++)
                if (kept.Contains((slot.Name, at))) least = Math.Min(least, sizes[at]);
                else most = Math.Max(most, sizes[at]);
        }
        Assert.True(least >= most * (1 - 1e-9), $"{least} is kept and {most} is not.");
    }

    // Two examples that pull a weight in opposite directions: their squares add up, their gradients cancel.
    [Fact]
    public void What_Cancels_Counts_For_Fisher_Alone()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert", ScalarType.Float64);
        var tag = new AdapterTag("probe");
        ForwardContext call = new() { Selection = AdapterSelection.Of(tag) };
        // The same text with each of the three classes: the gradients of log p by the head's bias are (onehot - p), whose mean is
        // (1/3 - p), and whose mean square is (p² · 2 + (1 - p)²) / 3.
        var same = TinyModels.Rows([0, 0, 0], 9);
        same.Labels!.copy_(tensor((long[])[0, 1, 2]));
        var data = new PeftSharp.Methods.PreparationData(
            ((PeftSharp.Training.IBatchSource)new Batches([same])).EachExample(0), b => bench.Peft.Model.Loss(b, call),
            b => bench.Peft.Model.Forward(b, call).Logits, true, 0);
        var bias = bench.Sites.Slots.Single(s => s.Name == "classifier.bias");
        var p = bench.Logits(AdapterSelection.None, 0).softmax(1).flatten().data<double>().ToArray();
        var mean = new ExampleGradients("SAM", [bias], tag).Mean(data, 10).Gradients[0].data<double>().ToArray();
        var squares = new ExampleGradients("SAM", [bias], tag).Fisher(data, 10, expected: false).Scores[0].data<double>().ToArray();
        for (var c = 0; c < 3; c++)
        {
            Assert.Equal(p[c] - 1.0 / 3, mean[c], 9);
            Assert.Equal((2 * p[c] * p[c] + (1 - p[c]) * (1 - p[c])) / 3, squares[c], 9);
        }
    }
}
