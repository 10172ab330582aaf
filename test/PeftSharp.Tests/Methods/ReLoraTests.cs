using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>ReLoRA: new factors beside the old ones, at borders of phases.</summary>
public sealed class ReLoraTests
{
    private static LoraOptions Options(bool rs = false) =>
        new() { Rank = 2, Alpha = 4, Restarts = 2, UseRsLora = rs, TargetModules = new(["query", "dense"]) };

    private static PeftMethod Restarted(Bench bench, bool rs = false)
    {
        var adapter = bench.Add(Options(rs));
        for (var phase = 0; phase <= 2; phase++)
        {
            if (phase > 0) adapter.OnPhase(phase);
            bench.Train(adapter, 2);
        }
        return adapter;
    }

    [Fact]
    public void A_Border_Changes_No_Answer_And_What_Is_Trained_Begins_Anew()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(Options());
        Assert.Equal(3, adapter.Phases.Count);
        bench.Train(adapter, 3);
        var (before, a) = (bench.Logits(adapter), adapter.Tensors.First(t => t.Local == "lora_A.weight").Value.clone());
        adapter.OnPhase(1);
        Bits.AssertClose(before, bench.Logits(adapter), Rounding.Of(TinyModels.LongestSum), "The answer after the border");
        Assert.All(adapter.Tensors.Where(t => t.Local == "lora_B.weight"), t => Assert.Equal(0, t.Value.abs().sum().item<float>()));
        Assert.False(Bits.Same(a, adapter.Tensors.First(t => t.Local == "lora_A.weight").Value));
        bench.Train(adapter, 2);
        Assert.False(Bits.Same(before, bench.Logits(adapter)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_Is_Saved_As_A_Plain_LoRA_Of_The_Summed_Rank(bool rs)
    {
        using var folder = new TempFolder();
        using Bench bench = new("bert"), other = new("bert");
        var adapter = Restarted(bench, rs);
        AdapterFolder.Save(adapter, folder.Root, AdapterFormat.Peft);
        var read = AdapterFolder.Open(folder.Root).LoadInto(other.Peft, "read");
        var options = Assert.IsType<LoraOptions>(read.Options);
        Assert.Equal((6, 0), (options.Rank, options.Restarts));
        Bits.AssertClose(bench.Logits(adapter), other.Logits(read), Rounding.Of(TinyModels.LongestSum), "What was saved and read");
        Assert.NotNull(adapter.Refusal(AdapterFormat.AdapterHub));
    }

    [Fact]
    public void It_Merges_To_What_It_Computes()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = Restarted(bench);
        var expected = bench.Logits(adapter);
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(expected, bench.Logits(AdapterSelection.None), 1e-10, "The merged answer");
        bench.Peft.Unmerge();
    }

    [Fact]
    public void A_Resumed_Run_Has_The_Factors_From_Before_The_Restart()
    {
        using Bench bench = new("bert"), other = new("bert");
        var adapter = Restarted(bench);
        var resumed = other.Add(Options());
        resumed.RestoreState(adapter.State.ToDictionary(t => t.Key, t => t.Value.clone()), adapter.StateJson);
        using (no_grad())
            foreach (var (from, to) in adapter.Tensors.Zip(resumed.Tensors)) to.Value.copy_(from.Value);
        Bits.AssertSame(bench.Logits(adapter), other.Logits(resumed), "The resumed answer");
        var state = adapter.State.ToDictionary(t => t.Key, t => t.Value);
        state.Remove(state.Keys.First());
        Refusal.Of(other, () => resumed.RestoreState(state, adapter.StateJson), "saved state");
    }
}
