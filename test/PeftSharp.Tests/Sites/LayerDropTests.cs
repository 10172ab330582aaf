using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>AdapterDrop: layers that go without adapters.</summary>
public sealed class LayerDropTests
{
    [Theory]
    [InlineData("bert")]
    [InlineData("distilbert")]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void A_Layer_Without_Adapters_Is_The_Base_There(string architecture)
    {
        using var bench = new Bench(architecture);
        var all = bench.Add(new BottleneckOptions { Size = 4 }, "all");
        var upper = bench.Add(new BottleneckOptions { Size = 4, LeaveOut = [0] }, "upper");
        Bench.Disturb(all);
        using (no_grad())
            foreach (var tensor in upper.Tensors) tensor.Value.copy_(all.Tensors.First(t => t.Name == tensor.Name).Value);
        var selection = AdapterSelection.Of(all.Tag);
        var expected = bench.Logits(AdapterSelection.Of(upper.Tag));
        Bits.AssertSame(expected, bench.Logits(selection.With(LayerDrop.Lowest(1))), "The lowest layer");
        Bits.AssertSame(expected, bench.Logits(selection.With(LayerDrop.These(0))), "Layer 0 by name");
        Bits.AssertSame(bench.Logits(selection), bench.Logits(selection.With(LayerDrop.Lowest(0))), "No layer");
        Bits.AssertDiffers(bench.Logits(selection), expected, "A layer");
        AdapterSelection mixed = AdapterSelection.PerRow([all.Tag, null, all.Tag, null]);
        Bits.AssertClose(
            expected.narrow(0, 2, 1), bench.Logits(mixed.With(LayerDrop.Lowest(1))).narrow(0, 2, 1), Rounding.Of(TinyModels.LongestSum),
            "A row");
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("prefix")]
    [InlineData("bottleneck")]
    public void Every_Layer_Dropped_Leaves_The_Head_Alone(string method)
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(method);
        Bench.Disturb(adapter);
        using (no_grad())
            foreach (var tensor in adapter.Tensors.Where(t => t.SavedModule))
                tensor.Value.copy_(bench.Sites.Slots.First(s => s.Name == tensor.Name).Value);
        var dropped = bench.Logits(AdapterSelection.Of(adapter.Tag).With(LayerDrop.These(0, 1)));
        var expected = method == "prefix" ? null : bench.Logits(AdapterSelection.None);
        // A peft prefix moves the positions of the tokens in every layer at once.
        if (expected is not null) Bits.AssertSame(expected, dropped, "The base");
        Bits.AssertDiffers(bench.Logits(adapter), dropped, method);
    }

    [Fact]
    public void Layers_Are_Drawn_Anew_In_Each_Step_Of_Training_Alone()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("bottleneck");
        Bench.Disturb(adapter);
        var rule = LayerDrop.Drawn(2);
        Tensor Loss(LayerDrop? drop, ulong seed)
        {
            using var guard = no_grad();
            var context = new ForwardContext
            {
                Selection = AdapterSelection.Of(adapter.Tag).With(drop),
                Training = true,
                Seed = seed,
                BaseDropout = false,
            };
            return bench.Peft.Model.Forward(bench.Batch, context).Logits;
        }
        var seen = new HashSet<int>();
        for (ulong seed = 0; seed < 40; seed++)
        {
            var drawn = Enumerable.Range(0, 3).Single(n => Bits.Same(Loss(LayerDrop.Lowest(n), seed), Loss(rule, seed)));
            seen.Add(drawn);
        }
        Assert.Equal([0, 1, 2], seen.Order());
        var plain = AdapterSelection.Of(adapter.Tag);
        Bits.AssertSame(bench.Logits(plain), bench.Logits(plain.With(rule)), "Inference");
    }

    [Fact]
    public void What_Lies_Below_The_First_Adapter_Needs_No_Gradient()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("bottleneck");
        bench.Peft.Model.Loss(
            bench.Batch, new() { Selection = AdapterSelection.Of(adapter.Tag).With(LayerDrop.Lowest(1)), Training = true }).Mean
            .Backpropagate();
        Assert.All(adapter.Tensors.Where(t => t.Name.Contains("layer.0.", StringComparison.Ordinal)), t => Assert.Null(t.Value.grad));
        Assert.All(adapter.Tensors.Where(t => t.Name.Contains("layer.1.", StringComparison.Ordinal)), t => Assert.NotNull(t.Value.grad));
    }

    [Fact]
    public void Numbers_Of_Layers_Make_Sense()
    {
        Refusal.Sentence(() => LayerDrop.Lowest(-1));
        Refusal.Sentence(() => LayerDrop.Drawn(0));
    }
}
