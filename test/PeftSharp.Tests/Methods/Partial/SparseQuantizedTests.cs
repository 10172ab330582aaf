using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>
/// On a base of four bits a sparse delta stands beside it: kept entries are float32, the others those that the four bits stand for.
/// </summary>
public sealed class SparseQuantizedTests
{
    [Theory]
    [InlineData("bert", "fish")]
    [InlineData("llama", "lt-sft")]
    [InlineData("bert", "diff-pruning")]
    public void It_Computes_What_A_Dense_Model_Of_Those_Weights_Does(string architecture, string method)
    {
        using var scope = NewDisposeScope();
        using Bench quantised = new(architecture, new ModelOptions { Quantize = new Nf4Options(32) }), dense = new(architecture);
        var adapter = (SparseMethod)quantised.Add((ChosenWeightsOptions)MethodRegistry.Options(method) with { FreezeEmbeddings = true });
        var data = new Batches([TinyModels.Rows([0, 1], 9), TinyModels.Rows([2, 3], 9)]);
        using (var trainer = new Trainer(new TrainableAdapter(quantised.Peft, adapter), data, new() { LearningRate = 0.01, MaxSteps = 4 }))
            trainer.Run();
        Assert.NotEqual("magnitude", adapter.ChosenBy);
        Assert.Contains(quantised.Sites.Projections, p => p.Weight.Base.Kind == "nf4" && adapter.State.ContainsKey(p.Weight.Name));

        var whole = dense.Add(new FullOptions());
        using (no_grad())
            foreach (var (from, to) in quantised.Sites.Slots.Zip(whole.Tensors))
            {
                Assert.Equal(from.Name, to.Name);
                to.Value.copy_(from.Replaced(adapter.Tag) ?? from.Value);
            }
        Bits.AssertClose(dense.Logits(whole), quantised.Logits(adapter), Rounding.Of(TinyModels.LongestSum), "The output");
        quantised.Loss(adapter).Backpropagate();
        dense.Loss(whole).Backpropagate();
        var largest = whole.Tensors.Max(t => t.Value.grad?.abs().max().item<float>() ?? 0);
        foreach (var (slot, positions, values) in adapter.Places)
        {
            var expected = whole.Tensors.First(t => t.Name == slot.Name).Value.grad!.reshape(-1).index_select(0, positions);
            var found = values.Value.grad!;
            var tolerance = Rounding.Of(TinyModels.LongestGradientSum);
            Bits.AssertClose(expected / largest, found / largest, tolerance, $"The gradient of {slot.Name}");
        }
    }
}
