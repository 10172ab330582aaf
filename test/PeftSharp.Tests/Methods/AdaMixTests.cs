using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Unified.AdaMix;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Mixtures of modules.</summary>
public sealed class AdaMixTests
{
    [Fact]
    public void One_Copy_Is_The_Part()
    {
        using Bench mixed = new("bert"), plain = new("bert");
        var (a, b) = (mixed.Add(new AdaMixOptions { Copies = 1 }), plain.Add(new BottleneckOptions()));
        mixed.Train(a, training: true);
        plain.Train(b, training: true);
        Bits.AssertSame(plain.Logits(b), mixed.Logits(a), "The output after training");
    }

    [Fact]
    public void What_Is_Merged_Is_The_Mean_Module()
    {
        using Bench mixed = new("bert", ScalarType.Float64), plain = new("bert", ScalarType.Float64);
        var a = mixed.Add(new AdaMixOptions { Part = new(new LoraOptions { Rank = 3 }), Copies = 3 });
        Bench.Disturb(a);
        var b = plain.Add(new LoraOptions { Rank = 3 });
        using (no_grad())
            foreach (var tensor in b.Tensors)
            {
                var copies = a.Tensors.Where(
                    t =>
                        t.Path == tensor.Path
                            && (t.Local == tensor.Local || t.Local.StartsWith($"{tensor.Local}.", StringComparison.Ordinal)));
                tensor.Value.copy_(stack([.. copies.Select(t => t.Value)]).mean([0]));
            }
        var adapted = mixed.Logits(a);
        Bits.AssertClose(plain.Logits(b), adapted, Rounding.Exact, "The output");
        mixed.Peft.Merge(a.Name);
        Bits.AssertClose(adapted, mixed.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
    }

    [Fact]
    public void A_Step_Draws_One_Of_Each_And_Two_Draws_Are_Brought_Together()
    {
        using var bench = new Bench("bert");
        var lora = new LoraOptions { Rank = 2 };
        var alone = bench.Add(new AdaMixOptions { Part = new(lora), Consistency = 0 }, "alone");
        Bench.Disturb(alone, 0.5);
        bench.Loss(alone, training: true, seed: 3).Backpropagate();
        foreach (
            var group in alone.Tensors.Where(t => t.Local.StartsWith("lora_", StringComparison.Ordinal))
                .GroupBy(t => $"{t.Path}.{t.Local[..6]}"))
            Assert.Equal(1, group.Count(t => t.Value.grad!.count_nonzero().item<long>() > 0));
        var both = bench.Add(new AdaMixOptions { Part = new(lora), Consistency = 2 }, "both");
        foreach (var (from, to) in alone.Tensors.Zip(both.Tensors))
            using (no_grad()) to.Value.copy_(from.Value);
        // The same first draw; the divergence is never negative, and here it is not zero.
        var added = bench.Loss(both, training: true, seed: 3).item<float>() - bench.Loss(alone, training: true, seed: 3).item<float>();
        Assert.True(added > 1e-6, $"{added} was added.");
        Bits.AssertSame(bench.Loss(alone), bench.Loss(both), "The loss outside training");
    }

    [Fact]
    public void Copies_Start_Apart()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new AdaMixOptions { Part = new(new LoraOptions()), Copies = 3 });
        var copies = adapter.Tensors.Where(t => t.Path.EndsWith("layer.0.attention.self.query", StringComparison.Ordinal)
            && t.Local.StartsWith("lora_A", StringComparison.Ordinal)).ToList();
        Assert.Equal(["lora_A.weight", "lora_A.weight.1", "lora_A.weight.2"], copies.Select(t => t.Local));
        Assert.Equal(3, copies.Select(t => t.Value.detach().abs().sum().item<float>()).Distinct().Count());
        bench.Peft.Remove(adapter.Name);
        Assert.Equal(0, bench.Plugins);
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new AdaMixOptions { Copies = 0 }), "\"num_modules\" is 0");
        Refusal.Of(bench, () => bench.Add(new AdaMixOptions { Part = new(MethodRegistry.Options("bitfit")) }), "BITFIT", "mixed");
        Refusal.Of(bench, () => bench.Add(new AdaMixOptions { Consistency = -1 }), "\"consistency\" is -1");
    }
}
