using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Life;

/// <summary>One base serves adapters whose label sets differ, in one batch: each row has the outputs of its own adapter's head.</summary>
public sealed class OwnHeadsTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void Rows_Of_A_Mixed_Batch_Equal_The_Rows_Alone(string architecture, string method)
    {
        using var bench = new Bench(architecture, ScalarType.Float64); // three classes
        bench.Train(bench.Peft.Add(TinySettings.Of(method), "five", 11, outputs: 5));
        bench.Train(bench.Peft.Add(TinySettings.Of(method), "four", 12, outputs: 4));
        bench.Train(bench.Add(method, "base's", 13), 2);
        Assert.Equal(5, bench.Peft["five"].Outputs);
        Assert.Equal(3, bench.Peft["base's"].Outputs);
        var widths = new Dictionary<string, int> { ["five"] = 5, ["four"] = 4, ["base's"] = 3, [""] = 3 };
        foreach (var names in (string?[][])[["five", null, "four", "base's"], ["four", "four", null, "five"],
            ["five", "five", "five", "five"], [null, "base's", "base's", null]])
        {
            var selection = bench.Peft.SelectPerRow(names);
            using var mixed = bench.Peft.Forward(bench.Batch, selection);
            var widest = names.Max(name => widths[name ?? ""]);
            Assert.Equal(widest, mixed.Logits.shape[1]);
            Assert.Equal(widest, bench.Peft.OutputsOf(selection));
            for (var row = 0; row < names.Length; row++)
            {
                var alone = bench.Logits(names[row] is { } name ? bench.Peft.Select(name) : AdapterSelection.None, row);
                Assert.Equal(widths[names[row] ?? ""], alone.shape[1]);
                using var own = mixed.RowLogits(row);
                Bits.AssertClose(alone, own.unsqueeze(0), 1e-10, $"Row {row} of [{string.Join(", ", names.Select(n => n ?? "none"))}]");
                for (var i = alone.shape[1]; i < widest; i++) Assert.Equal(double.NegativeInfinity, mixed.Logits[row, i].item<double>());
            }
        }
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void A_Saved_Adapter_Brings_Its_Head_To_A_Base_With_Another(string architecture, string method)
    {
        using var folder = new Files.TempFolder();
        using Bench trained = new(architecture), served = new(architecture);
        var adapter = trained.Peft.Add(TinySettings.Of(method), "five", 11, outputs: 5);
        trained.Train(adapter);
        AdapterFolder.Save(adapter, folder.Root, adapter.Options.Format);
        var other = served.Add("lora", "base's");
        var loaded = AdapterFolder.Open(folder.Root).LoadInto(served.Peft, "five");
        Assert.Equal(5, loaded.Outputs);
        Bits.AssertSame(trained.Logits(adapter), served.Logits(loaded), "The output");
        using var mixed = served.Peft.Forward(served.Batch, served.Peft.SelectPerRow(["five", "base's", null, "five"]));
        Assert.Equal([5, 3, 3, 5], mixed.Widths!);
        Refusal.Of(served, () => served.Peft.Merge("five"), "5", "3", "labels");
        served.Peft.Remove("five");
        Assert.Equal(3, served.Logits(other).shape[1]);
    }

    [Fact]
    public void Gradients_Of_A_Mixed_Batch_Reach_Every_Head()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var five = bench.Peft.Add(MethodRegistry.Options("lora"), "five", 11, outputs: 5);
        var four = bench.Peft.Add(MethodRegistry.Options("lora"), "four", 12, outputs: 4);
        bench.Peft.Model.Loss(bench.Batch, new ForwardContext { Selection = bench.Peft.SelectPerRow(["five", "four", null, "four"]) }).Mean
            .Backpropagate();
        foreach (var tensor in five.Tensors.Concat(four.Tensors).Where(t => t.SavedModule))
        {
            Assert.True(tensor.Value.grad!.isfinite().all().item<bool>());
            Assert.True(tensor.Value.grad!.count_nonzero().item<long>() > 0, tensor.Name);
        }
    }

    [Fact]
    public void A_Method_Without_A_Head_Of_Its_Own_Refuses_Other_Outputs()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Peft.Add(new BitFitOptions { TrainHead = false }, "x", outputs: 5), "5", "3", "head");
        Refusal.Of(bench, () => bench.Peft.Add(MethodRegistry.Options("lora"), "x", outputs: 0), "0 outputs");
    }
}
