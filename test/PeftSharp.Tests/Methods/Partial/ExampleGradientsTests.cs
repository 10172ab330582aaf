using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Partial;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Scores by the gradients of single examples, against gradients that full fine-tuning takes.</summary>
public sealed class ExampleGradientsTests
{
    /// <summary>Every architecture; beside classes the answers of tables that are embedding and head in one.</summary>
    public static TheoryData<string, TaskKind> Models
    {
        get
        {
            var data = new TheoryData<string, TaskKind>();
            foreach (var name in TinyModels.Names) data.Add(name, TaskKind.Classification);
            data.Add(TinyModels.TwoStackClasses, TaskKind.Classification);
            data.Add("t5", TaskKind.SequenceToSequence);
            foreach (var name in (string[])["gpt2", "qwen2"]) data.Add(name, TaskKind.CausalLanguage);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Scores_Are_Mean_Squares_Of_Each_Example_Whether_Layers_Are_Computed_Again_Or_Not(string architecture, TaskKind task)
    {
        using var scope = NewDisposeScope();
        var options = new ModelOptions { Task = task, Precision = ScalarType.Float64 };
        using Bench bench = new(architecture, options), full = new(architecture, options);
        var source = new Batches([Texts(task)]);
        var expected = Squares(full, source);
        var tag = new AdapterTag("probe");
        var slots = bench.Sites.Slots.Where(slot => expected.ContainsKey(slot.Name)).ToList();
        var readings = 0;
        // What lies in a layer is read once more where layers are computed again.
        bench.Sites.Projections.First(p => p.Place.Layer == 0).Weight.ReplaceTensor(tag, (value, _) =>
        {
            readings++;
            return value;
        });
        var data = PreparationData.Of(
            ((IBatchSource)source).EachExample(0), _ => new() { Selection = AdapterSelection.Of(tag) }, bench.Peft.Model.Loss,
            (batch, call) => bench.Peft.Model.Forward(batch, call).Logits, task == TaskKind.Classification, 0, default);
        int Readings(PreparationData calls)
        {
            readings = 0;
            var (scores, examples) = new ExampleGradients("FISH", slots, tag).Fisher(calls, 10, expected: false);
            Assert.Equal(4, examples);
            foreach (var (slot, score) in slots.Zip(scores)) Bits.AssertClose(expected[slot.Name], score, Rounding.Exact, slot.Name);
            return readings;
        }
        var once = Readings(Plain(data));
        Assert.InRange(once, 4, 100);
        Assert.Equal(2 * once, Readings(data));
    }

    // The same calls, without another way for layers.
    private static PreparationData Plain(PreparationData data) =>
        new(data.Examples, data.Loss, data.Logits, data.IsClassification, data.Seed);

    // By name, the mean over examples of the squared gradient of an example's whole loss.
    private static Dictionary<string, Tensor> Squares(Bench bench, IBatchSource source)
    {
        var adapter = bench.Add(new FullOptions());
        var sums = adapter.Tensors.ToDictionary(t => t.Name, t => zeros_like(t.Value).detach());
        foreach (var example in source.EachExample(0))
        {
            var (mean, weight) = bench.Peft.Model.Loss(example, new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) });
            mean.Backpropagate();
            foreach (var tensor in adapter.Tensors)
            {
                if (tensor.Value.grad is { } gradient) sums[tensor.Name].IncreaseByProduct(gradient, gradient, weight * weight / 4);
                tensor.Value.grad = null;
            }
        }
        Assert.Contains(sums.Values, sum => sum.max().item<double>() > 1e-3);
        return sums;
    }

    // A language model learns every token of a row.
    private static TokenBatch Texts(TaskKind task)
    {
        var rows = TinyModels.Rows([0, 1, 2, 3], 9, task: task);
        if (task != TaskKind.CausalLanguage) return rows;
        return new()
        {
            InputIds = rows.InputIds,
            AttentionMask = rows.AttentionMask,
            Labels = rows.InputIds.masked_fill(rows.AttentionMask.eq(zeros_like(rows.AttentionMask)), -100),
            RealTokens = rows.RealTokens,
        };
    }
}
