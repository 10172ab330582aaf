using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Partial.ChildTuning;
using PeftSharp.Methods.Partial.Mask;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Methods.Partial.ThresholdMask;
using PeftSharp.Runs.Conformance;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Which weights partial methods choose, and what they leave of their gradients.</summary>
public sealed class SparseChoiceTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("magnitude")]
    [InlineData("smallest")]
    [InlineData("random")]
    public void A_Rule_Without_Data_Chooses_What_It_Says(string choice)
    {
        using var bench = new Bench("bert");
        var adapter = (SparseMethod)bench.Add(new MaskOptions { Keep = 0.02, Choice = choice });
        var outside = bench.Sites.Slots.Where(s => !s.Name.StartsWith("classifier", StringComparison.Ordinal)).ToList();
        Assert.Equal((long)(0.02 * outside.Sum(s => s.Count)), adapter.State.Values.Sum(p => p.numel()));
        Assert.DoesNotContain(adapter.State.Keys, name => name.Contains("embeddings.weight", StringComparison.Ordinal));
        double[] kept = [.. Magnitudes(true)], left = [.. Magnitudes(false)];
        if (choice == "magnitude") Assert.True(kept.Min() >= left.Max());
        else if (choice == "smallest") Assert.True(kept.Max() <= left.Min());
        else Assert.InRange(kept.Average() / left.Average(), 0.8, 1.25);

        IEnumerable<double> Magnitudes(bool chosen) => outside.Where(s => s.Kind != SlotKind.Embedding).SelectMany(slot =>
        {
            var values = slot.Value.abs().reshape(-1).to(ScalarType.Float64).data<double>().ToArray();
            var positions = adapter.State.TryGetValue(slot.Name, out var p) ? p.data<long>().ToArray().ToHashSet() : [];
            return values.Where((_, i) => positions.Contains(i) == chosen);
        });
    }

    [Fact]
    public void Random_Weights_Follow_From_The_Seed()
    {
        using Bench first = new("llama"), second = new("llama"), third = new("llama");
        Bits.AssertSame(Chosen(first, 5), Chosen(second, 5), "The choice of one seed");
        Bits.AssertDiffers(Chosen(first, 5), Chosen(third, 6), "The seed");

        static Tensor Chosen(Bench bench, ulong seed) => bench.Peft.Adapters.TryGetValue("first", out var there) ? All(there)
            : All(bench.Add(new MaskOptions { Choice = "random" }, seed: seed));
        static Tensor All(PeftMethod adapter) => cat([.. adapter.State.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => s.Value)]);
    }

    // A part of the gradients is zero, another part each step; what is left is divided by its share, and the head keeps its own.
    [Fact]
    public void Child_Tuning_F_Drops_Gradients_Anew_Each_Step()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new ChildTuningOptions { Mode = "F", Reserve = 0.25 });
        using var optimizer = Bench.Optimizer(adapter);
        var plain = Gradients(bench, adapter);
        Dictionary<string, Tensor> seen = [];
        var counts = new List<(long Kept, long All)>();
        for (var step = 0; step < 2; step++)
        {
            bench.Loss(adapter).Backpropagate();
            adapter.AfterBackward(new StepState(step, 0, 2, 40 + (ulong)step, 0.01));
            foreach (var tensor in adapter.Tensors)
            {
                var (whole, masked) = (plain[tensor.Name], tensor.Value.grad!);
                if (tensor.Name.StartsWith("classifier", StringComparison.Ordinal)) Bits.AssertClose(whole, masked, 1e-6, tensor.Name);
                else
                {
                    var kept = masked.ne(0);
                    Bits.AssertClose(whole.mul(kept) * 4, masked, 1e-5, tensor.Name);
                    counts.Add((kept.sum().item<long>(), whole.ne(0).sum().item<long>()));
                    if (step == 0) seen[tensor.Name] = kept.clone();
                    else if (kept.numel() > 500 && kept.any().item<bool>())
                        Bits.AssertDiffers(seen[tensor.Name], kept, $"The draw of {tensor.Name}");
                }
            }
            optimizer.ZeroGrad();
        }
        Assert.InRange((double)counts.Sum(c => c.Kept) / counts.Sum(c => c.All), 0.23, 0.27);
    }

    private static Dictionary<string, Tensor> Gradients(Bench bench, PeftMethod adapter)
    {
        bench.Loss(adapter).Backpropagate();
        var all = adapter.Tensors.ToDictionary(t => t.Name, t => t.Value.grad!.clone());
        foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
        return all;
    }

    // The case's numbers are compared with the others; here are the masks that it ends with.
    [Fact]
    public void The_Masks_After_Training_Are_Those_Of_The_Reference()
    {
        using var scope = NewDisposeScope();
        using var reference = new ConformanceCase(TestPaths.Fixture("cases", "bert-threshold-mask"));
        using var model = new PeftModel(reference.LoadModel());
        var adapter = model.Add(new ThresholdMaskOptions());
        var masks = adapter.Tensors.Where(t => t.Local.StartsWith("weight.mask", StringComparison.Ordinal)).ToList();
        Assert.Equal(reference.Json["modules"]!.AsArray().Select(m => m!.ToString()).Order(), masks.Select(Module).Order());
        using (no_grad())
            foreach (var tensor in masks) tensor.Value.copy_(reference[$"scores.{Module(tensor)}"]);
        var call = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
        using var optimizer = new AdamW(
            [.. adapter.Tensors.Select(t => new TrainableParameter(t.Name, t.Value, false))], 0.9, 0.999, 1e-6, 0);
        for (var step = 0; step < 5; step++)
        {
            model.Model.Loss(reference.Batch(true), call).Mean.Backpropagate();
            optimizer.Step(0.003);
            optimizer.ZeroGrad();
        }
        foreach (var tensor in masks)
            Bits.AssertSame(reference[$"final.mask.{Module(tensor)}"], (tensor.Value.detach() > 0.005).to(ScalarType.Byte), tensor.Name);
    }

    private static string Module(AdapterTensor tensor) => tensor.Path[tensor.Path.IndexOf("layer.", StringComparison.Ordinal)..];

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    public void A_Mask_Is_Saved_As_One_Bit_A_Weight(string architecture)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add("threshold-mask");
        Bench.Disturb(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        var opened = AdapterFolder.Open(_folder.Root);
        var masks = adapter.Tensors.Where(t => t.Local.StartsWith("weight.mask", StringComparison.Ordinal)).ToList();
        using (var file = PeftSharp.Files.SafetensorsFile.Open(opened.WeightsFile))
            Assert.Equal(
                masks.Sum(t => t.Value.numel() / 8),
                file.Tensors.Where(t => t.Key.EndsWith(".mask", StringComparison.Ordinal)).Sum(t => t.Value.Count));
        using var fresh = new Bench(architecture);
        var loaded = opened.LoadInto(fresh.Peft);
        foreach (var (read, made) in loaded.Tensors.Zip(adapter.Tensors).Where(p => masks.Contains(p.Second)))
            Bits.AssertSame(made.Value.detach() > 0.005, read.Value.detach() > 0.005, made.Name);
    }

    [Fact]
    public void A_Damaged_Mask_Is_Refused()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("threshold-mask");
        AdapterFolder.Save(adapter, _folder.Root);
        bench.Peft.Remove(adapter.Name);
        var opened = AdapterFolder.Open(_folder.Root);
        Dictionary<string, Tensor> tensors;
        using (var file = PeftSharp.Files.SafetensorsFile.Open(opened.WeightsFile))
            tensors = file.Tensors.Keys.ToDictionary(k => k, k => file.Read(k).clone());
        var key = tensors.Keys.First(k => k.EndsWith(".mask", StringComparison.Ordinal));
        tensors[key] = tensors[key].to(ScalarType.Float32);
        PeftSharp.Files.SafetensorsWriter.Write(opened.WeightsFile, tensors);
        Refusal.Of(bench, () => opened.LoadInto(bench.Peft, "first"), key, "one bit for each");
    }

    [Fact]
    public void Biases_Are_Chosen_By_Component()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new BitFitOptions { Components = ["query", "intermediate"] });
        Assert.All(
            adapter.Tensors.Where(t => !t.Path.StartsWith("classifier", StringComparison.Ordinal)),
            t => Assert.Matches("(query|intermediate.dense)$", t.Path));
        Assert.Equal(2 * (32 + 56) + 3 * 33, adapter.TrainedWeights);
        using var norms = new Bench("distilbert");
        Assert.Equal(5 * 32, norms.Add(new BitFitOptions { Components = ["norm"], TrainHead = false }).TrainedWeights);
    }

    [Fact]
    public void Biases_That_Are_Not_There_Are_Refused()
    {
        using var llama = new Bench("llama");
        Refusal.Of(llama, () => llama.Add(new BitFitOptions { Components = ["query", "norm"] }), "no biases of query, norm");
        using var gpt2 = new Bench("gpt2");
        Refusal.Of(gpt2, () => gpt2.Add(new BitFitOptions { Components = ["query"] }), "c_attn.bias", "all three");
        Refusal.Of(gpt2, () => gpt2.Add(new BitFitOptions { Components = ["knowledge"] }), "components", "\"knowledge\"");
    }

    public void Dispose() => _folder.Dispose();
}
