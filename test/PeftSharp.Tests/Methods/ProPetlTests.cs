using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Unified.ProPetl;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>One prototype for all layers, and a mask for each.</summary>
public sealed class ProPetlTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static readonly Dictionary<string, MethodOptions> Parts = new()
    {
        ["bottleneck"] = new BottleneckOptions { ReductionFactor = 4 },
        ["parallel"] = MethodRegistry.Options("scaled-parallel"),
        ["lora"] = new LoraOptions { Rank = 4, LoraBias = true },
        ["prefix"] = new PrefixOptions { VirtualTokens = 4 },
    };

    public static TheoryData<string> PartNames => [.. Parts.Keys];

    // The shared module alone: a plain adapter of the part, all layers of which have the prototype's numbers.
    [Theory]
    [MemberData(nameof(PartNames))]
    public void Masks_Of_Ones_Are_The_Shared_Module(string part)
    {
        using Bench shared = new("bert", ScalarType.Float64), plain = new("bert", ScalarType.Float64);
        var adapter = (ProPetlMethod)shared.Add(new ProPetlOptions { Part = new(Parts[part]), Density = 1 });
        Bench.Disturb(adapter);
        var alone = plain.Add(Parts[part]);
        Fill(alone, adapter, (prototype, _) => prototype);
        Bits.AssertClose(plain.Logits(alone), shared.Logits(adapter), Rounding.Exact, "The output");
    }

    [Theory]
    [MemberData(nameof(PartNames))]
    public void A_Layer_Reads_The_Prototype_Where_Its_Mask_Is_One(string part)
    {
        using Bench shared = new("bert", ScalarType.Float64), plain = new("bert", ScalarType.Float64);
        var adapter = (ProPetlMethod)shared.Add(new ProPetlOptions { Part = new(Parts[part]), Density = 0.25 });
        Bench.Disturb(adapter);
        var alone = plain.Add(Parts[part]);
        Fill(alone, adapter, (prototype, scores) => scores is null ? prototype : prototype * Largest(scores, 0.25));
        Bits.AssertClose(plain.Logits(alone), shared.Logits(adapter), Rounding.Exact, "The output");
        Assert.All(adapter.Shared, s => Assert.Equal(s.KeptEntries * s.Layers, s.Mask.count_nonzero().item<long>()));
    }

    [Fact]
    public void A_Threshold_Keeps_What_Reaches_It()
    {
        using var bench = new Bench("bert");
        var options = new ProPetlOptions { MaskBy = "threshold", Threshold = 0.08 };
        var adapter = (ProPetlMethod)bench.Add(options);
        bench.Train(adapter, training: true);
        foreach (var shared in adapter.Shared)
            Assert.Equal(
                [.. shared.Scores.Value.data<float>().ToArray().Select(s => Math.Abs(s) >= 0.08f)],
                shared.Mask.contiguous().data<bool>().ToArray());
        AdapterFolder.Save(adapter, _folder.Root);
        using var fresh = new Bench("bert");
        var read = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(read), "The output of what was read");
    }

    // Straight-through: the gradient of a score is that of its entry of the mask, prototype times the gradient of what the layer reads.
    [Fact]
    public void Scores_Get_The_Gradient_Of_The_Mask()
    {
        using Bench shared = new("bert", ScalarType.Float64), plain = new("bert", ScalarType.Float64);
        var adapter = (ProPetlMethod)shared.Add(new ProPetlOptions { Part = new(Parts["bottleneck"]) });
        Bench.Disturb(adapter);
        var alone = plain.Add(Parts["bottleneck"]);
        Fill(alone, adapter, (prototype, scores) => scores is null ? prototype : prototype * Largest(scores, 0.5));
        shared.Loss(adapter).Backpropagate();
        plain.Loss(alone).Backpropagate();
        var checkedOnes = 0;
        foreach (var scores in adapter.Shared.Select(s => s.Scores))
        {
            var twin = Twin(alone, scores);
            var prototype = PrototypeOf(adapter, twin);
            var expected = scores.Value.sign() * prototype.Value * twin.Value.grad!;
            Bits.AssertClose(expected.detach(), scores.Value.grad!, Rounding.Exact, $"The gradient of {scores.Name}");
            checkedOnes++;
        }
        Assert.Equal(4, checkedOnes); // two maps in two layers
        // The prototype's is the sum over layers of what passes the masks.
        foreach (var prototype in adapter.Prototype.Where(p => p.Value.dim() == 2))
        {
            var sum = alone.Tensors.Where(t => t.Role == TensorRole.Trained && PrototypeOf(adapter, t) == prototype)
                .Select(t => t.Value.grad! * Largest(adapter.Shared.Single(s => Twin(alone, s.Scores) == t).Scores.Value, 0.5))
                .Aggregate((a, b) => a + b);
            Bits.AssertClose(sum, prototype.Value.grad!, Rounding.Exact, $"The gradient of {prototype.Name}");
        }
    }

    [Theory]
    [MemberData(nameof(PartNames))]
    public void Files_Hold_The_Prototype_Once_And_A_Bit_For_Each_Entry_Of_A_Mask(string part)
    {
        using var bench = new Bench("bert");
        var adapter = (ProPetlMethod)bench.Add(new ProPetlOptions { Part = new(Parts[part]), Density = 0.3 });
        bench.Train(adapter, training: true);
        AdapterFolder.Save(adapter, _folder.Root);
        using (var file = SafetensorsFile.Open(AdapterFolder.Open(_folder.Root).WeightsFile))
        {
            var bytes = file.Tensors.Values.Sum(t => t.ByteLength);
            Assert.Equal(bytes, adapter.SharedBytes + adapter.TaskBytes);
            Assert.Equal(adapter.Shared.Count, file.Tensors.Keys.Count(k => k.EndsWith(".mask", StringComparison.Ordinal)));
        }
        using var fresh = new Bench("bert");
        var read = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(read), "The output of what was read");
        // Training goes on from there: every score learns.
        fresh.Train(read, 2);
        Bits.AssertDiffers(bench.Logits(adapter), fresh.Logits(read), "Further training");
    }

    // Each task has masks and a head of its own; the prototype gets gradients from all of them, and lies in memory once.
    [Fact]
    public void Several_Tasks_Train_One_Prototype_And_Each_Its_Masks()
    {
        using var bench = new Bench("bert");
        var options = new ProPetlOptions { Part = new(Parts["bottleneck"]), Prototype = "tasks" };
        var (a, b) = ((ProPetlMethod)bench.Add(options, "a", 11), (ProPetlMethod)bench.Add(options, "b", 12));
        Assert.All(a.Prototype.Zip(b.Prototype), pair => Assert.Same(pair.First.Value, pair.Second.Value));
        Assert.Equal(a.SharedBytes, bench.Peft.Shared.Bytes);
        bench.Loss(a).Backpropagate();
        var alone = a.Prototype.Select(p => p.Value.grad!.clone()).ToList();
        bench.Loss(b).Backpropagate();
        Assert.All(a.Prototype.Zip(alone), pair => Bits.AssertDiffers(pair.Second, pair.First.Value.grad!, "The second task's gradient"));
        Assert.All(b.Shared, s => Assert.NotNull(s.Scores.Value.grad));
        foreach (var tensor in a.Tensors.Concat(b.Tensors)) tensor.Value.grad = null;
        Refusal.Of(bench, () => _ = new PeftSharp.Runs.TrainableAdapter(bench.Peft, a), "\"a\"", "train them together");
        var (before, other) = (bench.Logits(a), bench.Logits(b));
        foreach (var adapter in new[] { a, b }) bench.Train(adapter, training: true);
        Bits.AssertDiffers(before, bench.Logits(a), "Joint training");
        Bits.AssertDiffers(other, bench.Logits(b), "Joint training");
        Assert.Contains(a.Shared.Zip(b.Shared), pair => pair.First.Mask.ne(pair.Second.Mask).any().item<bool>());
        // From files they share it again, for their numbers are equal.
        foreach (var adapter in new[] { a, b }) AdapterFolder.Save(adapter, _folder.File(adapter.Name));
        using var fresh = new Bench("bert");
        foreach (var adapter in new[] { a, b })
        {
            var read = (ProPetlMethod)AdapterFolder.Open(_folder.File(adapter.Name)).LoadInto(fresh.Peft, adapter.Name);
            Bits.AssertSame(bench.Logits(adapter), fresh.Logits(read), $"The output of {adapter.Name}");
        }
        Assert.Equal(a.SharedBytes, fresh.Peft.Shared.Bytes);
        Assert.All(((ProPetlMethod)fresh.Peft["a"]).Prototype, p => Assert.True(p.IsShared));
        fresh.Peft.Remove("a");
        Bits.AssertSame(bench.Logits(b), fresh.Logits(fresh.Peft["b"]), "What stays");
        Refusal.Of(bench, () => bench.Add(options with { Prototype = "a b" }, "c"), "\"prototype\" is \"a b\"");
    }

    [Fact]
    public void It_Merges_Where_Its_Part_Does()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new ProPetlOptions { Part = new(new LoraOptions { Rank = 4 }) });
        Bench.Disturb(adapter);
        var adapted = bench.Logits(adapter);
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new ProPetlOptions { Density = 0 }), "\"density\" is 0");
        Refusal.Of(bench, () => bench.Add(new ProPetlOptions { MaskBy = "luck" }), "\"luck\"", "top-k");
        Refusal.Of(bench, () => bench.Add(new ProPetlOptions { Part = new(MethodRegistry.Options("bitfit")) }), "\"part\" is BITFIT");
        Refusal.Of(bench, () => bench.Add(new ProPetlOptions { Part = new(MethodRegistry.Options("compacter")) }), "phm_layer");
        // A mask of another shape, and one that keeps another number of entries.
        var adapter = bench.Add(new ProPetlOptions());
        var saved = adapter.SavedTensors(AdapterFormat.Peft).ToDictionary(t => t.Key, t => t.Value.detach().clone());
        var mask = saved.Keys.First(k => k.EndsWith(".mask", StringComparison.Ordinal));
        var good = saved[mask];
        saved[mask] = zeros(3, ScalarType.Byte);
        Refusal.Of(bench, () => adapter.LoadTensors(saved, AdapterFormat.Peft, "file"), mask, "[3]");
        saved[mask] = zeros_like(good);
        Refusal.Of(bench, () => adapter.LoadTensors(saved, AdapterFormat.Peft, "file"), mask, "keeps 0 entries");
        saved[mask] = good.to(ScalarType.Float32);
        Refusal.Of(bench, () => adapter.LoadTensors(saved, AdapterFormat.Peft, "file"), mask, "uint8");
    }

    // Gives a plain adapter what each layer reads.
    private static void Fill(PeftMethod plain, ProPetlMethod shared, Func<Tensor, Tensor?, Tensor> read)
    {
        using var guard = no_grad();
        foreach (var tensor in plain.Tensors)
        {
            if (tensor.Role != TensorRole.Trained)
            {
                tensor.Value.copy_(shared.Tensors.Single(t => t.Name == tensor.Name).Value);
                continue;
            }
            var scores = shared.Shared.SingleOrDefault(s => Twin(plain, s.Scores) == tensor)?.Scores.Value;
            var prototype = PrototypeOf(shared, tensor).Value;
            if (scores is null || scores.shape.SequenceEqual(tensor.Value.shape)) tensor.Value.copy_(read(prototype, scores));
            else
                tensor.Value.copy_(
                    cat([.. Enumerable.Range(0, (int)scores.shape[0]).Select(layer => read(prototype, scores[layer]))], 1));
        }
    }

    private static AdapterTensor Twin(PeftMethod plain, AdapterTensor scores) =>
        plain.Tensors.Single(t => $"{t.Name}.mask_scores" == scores.Name);

    // By the name without the layer's number.
    private static AdapterTensor PrototypeOf(ProPetlMethod shared, AdapterTensor tensor) => shared.Prototype.Single(
        p => p.Name == $"prototype.{new System.Text.RegularExpressions.Regex(@"\.\d+\.").Replace(tensor.Name, ".", 1)}");

    private static Tensor Largest(Tensor scores, double share)
    {
        var size = scores.detach().abs();
        var flat = size.reshape(-1);
        var (values, _) = flat.topk((int)Math.Round(share * flat.shape[0]));
        return size.ge(values.min()).to(scores.dtype);
    }

    public void Dispose() => _folder.Dispose();
}
