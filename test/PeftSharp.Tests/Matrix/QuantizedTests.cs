using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>On a base of few bits a method computes what it computes on the weights that those stand for.</summary>
public sealed class QuantizedTests
{
    public static TheoryData<string, string> Cases => new(
        from architecture in (string[])["bert", "llama"]
        from info in MethodRegistry.All
        where info.Family == MethodFamily.Reparameterized
        select (architecture, info.Name));

    public static TheoryData<string, bool> Forms => new(
        from form in Quantization.Names
        from dora in (bool[])[false, true]
        select (form, dora));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answers_And_Gradients_Are_Those_Of_The_Dequantised_Weights(string architecture, string method)
    {
        using var pair = new Pair(architecture, new Nf4Options(32), bench => bench.Add(method));
        pair.Disturb();
        pair.AssertAlike();
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void So_They_Are_In_Every_Form_And_Along_A_Training(string form, bool dora)
    {
        var options = new LoraOptions { Rank = 4, UseDora = dora, TargetModules = new("all-linear") };
        using var pair = new Pair("llama", Quantization.Named(form)!, bench => bench.Add(options));
        pair.Disturb();
        pair.AssertAlike();
        using var four = Bench.Optimizer(pair.Four);
        using var plain = Bench.Optimizer(pair.Plain);
        for (var step = 0; step < 5; step++)
        {
            pair.Quantised.Step(pair.Four, four, step);
            pair.Dense.Step(pair.Plain, plain, step);
            var (loss, expected) = (pair.Quantised.Loss(pair.Four).item<float>(), pair.Dense.Loss(pair.Plain).item<float>());
            Assert.True(Math.Abs(loss - expected) <= 1e-5 * expected, $"step {step}: the loss is {loss} where {expected} is expected");
        }
    }

    // Every merged weight is off by what its form rounds away: half of the largest gap between two levels times its block's largest.
    [Theory]
    [InlineData("nf4", 0.152)]
    [InlineData("nf4-double", 0.17)] // and the scales are rounded too
    [InlineData("fp4", 0.168)]
    [InlineData("int8", 0.00395)]
    public void A_Merged_Weight_Is_Rounded_Again_And_Taken_Away_Bit_For_Bit(string form, double gap)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("llama", new ModelOptions { Quantize = Quantization.Named(form) });
        var adapter = bench.Add(new LoraOptions { Rank = 4, TargetModules = new("all-linear") });
        Bench.Disturb(adapter);
        var before = bench.BaseTensors();
        var wanted = Merger.MergedValues(bench.Sites, adapter.Tag, "lora").ToDictionary(m => m.Slot.Name, m => m.Value.clone());
        bench.Peft.Merge(adapter.Name);
        var plain = new ForwardContext();
        var slots = bench.Sites.Projections.Select(p => p.Weight).Where(s => s.Base.IsQuantized && wanted.ContainsKey(s.Name)).ToList();
        Assert.Equal(14, slots.Count);
        foreach (var slot in slots)
        {
            var merged = slot.Get(plain);
            Assert.Equal(Quantization.Named(form), Quantization.Of(merged));
            var error = merged.Dense().Plus(wanted[slot.Name], -1).abs().max().item<float>();
            var largest = wanted[slot.Name].abs().max().item<float>();
            Assert.InRange(error, 0.05 * gap * largest, gap * largest);
        }
        bench.Peft.Unmerge();
        foreach (var ((name, was), (_, now)) in before.Zip(bench.BaseTensors())) Assert.True(Bits.Same(was, now), name);
    }

    /// <summary>An adapter on a quantised model, and one on a model whose weights are what the quantised ones stand for.</summary>
    private sealed class Pair : IDisposable
    {
        public Pair(string architecture, Quantization form, Func<Bench, PeftMethod> add)
        {
            Quantised = new(architecture, new ModelOptions { Quantize = form });
            Dense = new(architecture, ScalarType.Float32);
            (Four, Plain) = (add(Quantised), add(Dense));
            var pairs = Quantised.Sites.Projections.Zip(Dense.Sites.Projections).Where(p => p.First.Weight.Base.Kind == form.Name).ToList();
            Assert.NotEmpty(pairs);
            foreach (var (from, to) in pairs) to.Weight.ReplaceTensor(Plain.Tag, (_, _) => from.Weight.Base.Dense());
            // Some are made of the weights.
            using var guard = no_grad();
            foreach (var (from, to) in Four.Frozen.Zip(Plain.Frozen)) to.Value.copy_(from.Value);
            foreach (var (from, to) in Four.Tensors.Zip(Plain.Tensors)) to.Value.copy_(from.Value);
        }

        public Bench Quantised { get; }

        public Bench Dense { get; }

        public PeftMethod Four { get; }

        public PeftMethod Plain { get; }

        public void Disturb()
        {
            Bench.Disturb(Four);
            Bench.Disturb(Plain);
        }

        public void AssertAlike()
        {
            Bits.AssertClose(Dense.Logits(Plain), Quantised.Logits(Four), Rounding.Of(TinyModels.LongestSum), "The output");
            Quantised.Loss(Four).Backpropagate();
            Dense.Loss(Plain).Backpropagate();
            var largest = Plain.Tensors.Max(t => t.Value.grad!.abs().max().item<float>());
            foreach (var (a, b) in Four.Tensors.Zip(Plain.Tensors))
            {
                Bits.AssertClose(
                    b.Value.grad!.Times(1.0 / largest), a.Value.grad!.Times(1.0 / largest), Rounding.Of(TinyModels.LongestGradientSum),
                    $"The gradient of {a.Name}");
                (a.Value.grad, b.Value.grad) = (null, null);
            }
        }

        public void Dispose()
        {
            Quantised.Dispose();
            Dense.Dispose();
        }
    }
}
