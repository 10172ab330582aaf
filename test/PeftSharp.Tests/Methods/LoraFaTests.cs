using System.Text.Json;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>LoRA-FA: A stays as it was drawn.</summary>
public sealed class LoraFaTests
{
    [Theory]
    [InlineData(0.0)]
    [InlineData(0.3)]
    public void B_Gets_The_Gradient_That_It_Gets_In_LoRA_And_A_Gets_None(double dropout)
    {
        using Bench frozen = new("bert"), plain = new("bert");
        LoraOptions options = new() { Rank = 4, Dropout = dropout, TargetModules = new("all-linear") };
        PeftMethod fa = frozen.Add(options with { FreezeA = true }), lora = plain.Add(options);
        Assert.Equal(lora.Tensors.Where(t => t.Local != "lora_A.weight").Select(t => t.Name), fa.Tensors.Select(t => t.Name));
        var others = lora.Tensors.ToDictionary(t => t.Name);
        using (no_grad())
            foreach (var tensor in fa.Tensors)
            {
                tensor.Value.add_(0.1);
                others[tensor.Name].Value.copy_(tensor.Value);
            }
        frozen.Loss(fa, training: true, seed: 3).Backpropagate();
        plain.Loss(lora, training: true, seed: 3).Backpropagate();
        AutogradFailures.ThrowIfAny();
        var largest = fa.Tensors.Max(t => t.Value.grad!.abs().max().item<float>());
        foreach (var tensor in fa.Tensors)
            Bits.AssertClose(
                others[tensor.Name].Value.grad! / largest, tensor.Value.grad! / largest, Rounding.Of(TinyModels.LongestGradientSum),
                tensor.Name);
        Assert.All(fa.Frozen, tensor => Assert.Null(tensor.Value.grad));
        Assert.Equal(lora.Tensors.Count - fa.Tensors.Count, fa.Frozen.Count);
    }

    [Fact]
    public void What_Cannot_Be_Combined_Is_Refused()
    {
        using var bench = new Bench("bert");
        LoraOptions fa = new() { FreezeA = true }, restarts = new() { Restarts = 1 };
        var eva = JsonDocument.Parse("\"eva\"").RootElement;
        Refusal.Of(bench, () => bench.Add(fa with { InitLoraWeights = eva }), "lora_fa");
        Refusal.Of(bench, () => bench.Add(fa with { TargetModules = new(["word_embeddings"]) }), "word_embeddings");
        Refusal.Of(bench, () => bench.Add(restarts with { UseDora = true }), "use_dora");
        Refusal.Of(bench, () => bench.Add(restarts with { Restarts = 65 }), "0 to 64");
    }
}
