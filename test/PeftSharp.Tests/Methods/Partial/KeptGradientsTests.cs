using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>What sparse training computes of the gradients are those of kept entries, and they are those of the whole tensors.</summary>
public sealed class KeptGradientsTests
{
    public static TheoryData<string, double, bool> Models => new(
        from architecture in Architectures.All.Select(a => a.ModelType)
        from keep in (double[])[0.02, 0.3]
        from checkpointing in (bool[])[false, true]
        where !checkpointing || (keep < 0.1 && TinyModels.Core.Contains(architecture))
        select new TheoryDataRow<string, double, bool>(architecture, keep, checkpointing));

    [Theory]
    [MemberData(nameof(Models))]
    public void Gradients_Of_Kept_Entries_Are_Those_Of_The_Whole_Tensors(string architecture, double keep, bool checkpointing)
    {
        using var scope = NewDisposeScope();
        var options = new ModelOptions { Task = TinyModels.TaskOf(architecture), Precision = ScalarType.Float64 };
        using Bench bench = new(architecture, options), full = new(architecture, options);
        var whole = full.Add(new FullOptions());
        AutogradFailures.Backward(full.Loss(whole));
        // Entries of every tensor, tables and norms among them.
        var adapter = (SparseMethod)bench.Add(new FishOptions { Keep = keep, KeepBy = "tensor" });
        new TrainableAdapter(bench.Peft, adapter).Prepare(new Batches([TinyModels.Batch(task: bench.Task)]), 0);
        AutogradFailures.Backward(bench.Loss(adapter, checkpointing: checkpointing));

        var gradients = whole.Tensors.ToDictionary(t => t.Name, t => t.Value.grad);
        var largest = gradients.Values.Where(g => g is not null).Max(g => g!.abs().max().item<double>());
        Assert.Contains(adapter.Places, place => place.Slot.Kind == SlotKind.Embedding);
        foreach (var (slot, positions, values) in adapter.Places)
        {
            var expected = gradients[slot.Name]?.reshape(-1).index_select(0, positions);
            var (found, none) = (values.Value.grad, expected is null || expected.abs().max().item<double>() == 0);
            if (none) Assert.True(found is null || found.abs().max().item<double>() == 0, slot.Name);
            else Assert.True(found!.sub(expected!).abs().max().item<double>() <= 1e-12 * largest, slot.Name);
        }
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    [InlineData("t5")]
    public void Rows_With_An_Adapter_Each_Have_The_Gradients_Of_The_Whole_Tensors_Too(string architecture)
    {
        using var scope = NewDisposeScope();
        var options = new ModelOptions { Task = TinyModels.TaskOf(architecture), Precision = ScalarType.Float64 };
        using var bench = new Bench(architecture, options);
        var adapter = (SparseMethod)bench.Add(new FishOptions { Keep = 0.02, KeepBy = "tensor" });
        new TrainableAdapter(bench.Peft, adapter).Prepare(new Batches([TinyModels.Batch(task: bench.Task)]), 0);
        Dictionary<string, Tensor> Gradients(AdapterSelection selection)
        {
            foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
            AutogradFailures.Backward(bench.Peft.Model.Loss(bench.Batch, new ForwardContext { Selection = selection }).Mean);
            return adapter.Tensors.Where(t => t.Value.grad is not null).ToDictionary(t => t.Name, t => t.Value.grad!.clone());
        }
        var together = Gradients(AdapterSelection.Of(adapter.Tag));
        var rows = Gradients(AdapterSelection.PerRow([.. Enumerable.Repeat(adapter.Tag, (int)bench.Batch.Rows)]));
        Assert.Equal(together.Keys.Order(), rows.Keys.Order());
        var largest = together.Values.Max(g => g.abs().max().item<double>());
        foreach (var (name, gradient) in together)
            Assert.True(gradient.sub(rows[name]).abs().max().item<double>() <= 1e-12 * largest, name);
    }
}
