using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Unified.SparseAdapter;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Methods that are pruned before training.</summary>
public sealed class SparseAdapterTests : IDisposable
{
    private static readonly LoraOptions Lora = new()
    {
        Rank = 4,
        InitLoraWeights = System.Text.Json.JsonDocument.Parse("false").RootElement,
    };

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Ways => ["random", "erdos-renyi", "magnitude", "snip", "grasp"];

    [Fact]
    public void Without_Sparsity_It_Is_Its_Part()
    {
        using Bench sparse = new("bert"), plain = new("bert");
        var (a, b) = (sparse.Add(new SparseOptions { Part = new(Lora), Sparsity = 0 }), plain.Add(Lora));
        Bits.AssertSame(plain.Logits(b), sparse.Logits(a), "The output");
        sparse.Train(a);
        plain.Train(b);
        Bits.AssertSame(plain.Logits(b), sparse.Logits(a), "The output after training");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void What_Is_Pruned_Is_Zero_Stays_So_And_Comes_Back(string way)
    {
        using var bench = new Bench("bert");
        var adapter = (SparseMethod)bench.Add(new SparseOptions { Part = new(Lora), Sparsity = 0.75, PruneBy = way });
        new TrainableAdapter(bench.Peft, adapter).Prepare(new Batches(), 3);
        Assert.Equal(way, adapter.PrunedBy);
        var weights = adapter.Parts[0].Tensors.Sum(t => t.Value.numel());
        Assert.InRange(adapter.PrunedWeights / (double)weights, 0.74, 0.76);
        bench.Train(adapter, 3, training: true);
        AdapterFolder.Save(adapter, _folder.Root);
        using var fresh = new Bench("bert");
        var read = (SparseMethod)AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft);
        Assert.Equal(adapter.PrunedWeights, read.PrunedWeights);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(read), "The output of what was read");
        Assert.Equal(adapter.PrunedWeights, read.Parts[0].Tensors.Sum(t => t.Value.numel() - t.Value.count_nonzero().item<long>()));
        // Trained further, what was pruned still counts for nothing.
        fresh.Train(read);
        Assert.Equal(adapter.PrunedWeights, read.PrunedWeights);
        var adapted = fresh.Logits(read);
        fresh.Peft.Merge(read.Name);
        Bits.AssertClose(adapted, fresh.Logits(AdapterSelection.None), Rounding.Of(TinyModels.LongestSum), "The merged output");
    }

    [Fact]
    public void Magnitude_Keeps_The_Largest_Of_All()
    {
        using var bench = new Bench("bert");
        var adapter = (SparseMethod)bench.Add(new SparseOptions { Part = new(Lora), Sparsity = 0.5, PruneBy = "magnitude" });
        var all =
            adapter.Parts[0].Tensors.SelectMany(t => t.Value.detach().contiguous().data<float>().ToArray().Zip(Kept(adapter, t))).ToList();
        Assert.True(all.Where(e => e.Second).Min(e => Math.Abs(e.First)) >= all.Where(e => !e.Second).Max(e => Math.Abs(e.First)));
    }

    [Fact]
    public void Snip_Keeps_What_The_Loss_Feels_Most()
    {
        using Bench bench = new("bert"), plain = new("bert");
        var adapter = (SparseMethod)bench.Add(new SparseOptions { Part = new(Lora), Sparsity = 0.5, PruneBy = "snip" });
        new TrainableAdapter(bench.Peft, adapter).Prepare(new Batches(), 3);
        var whole = plain.Add(Lora);
        // The mean over the four rows alone: each of them counts the same.
        plain.Loss(whole).Backpropagate();
        var own = whole.Tensors.Where(t => !t.SavedModule).ToList();
        var scores = own.SelectMany(t => (t.Value * t.Value.grad!).abs().detach().contiguous().data<float>().ToArray()).ToArray();
        var kept = adapter.Parts[0].Tensors.SelectMany(t => Kept(adapter, t)).ToArray();
        var edge = scores.Order().ElementAt(scores.Length / 2);
        Assert.All(scores.Zip(kept).Where(e => Math.Abs(e.First - edge) > 1e-4 * edge), e => Assert.Equal(e.First > edge, e.Second));
    }

    [Fact]
    public void Larger_Matrices_Are_Sparser_With_Erdos_Renyi()
    {
        using var bench = new Bench("bert");
        var lora = new LoraOptions { Rank = 4, TargetModules = new("all-linear") };
        var adapter = (SparseMethod)bench.Add(new SparseOptions { Part = new(lora), Sparsity = 0.5, PruneBy = "erdos-renyi" });
        double Share(string path, string local)
        {
            var tensor = adapter.Parts[0].Tensors.First(t => t.Path.EndsWith(path, StringComparison.Ordinal) && t.Local == local);
            return Kept(adapter, tensor).Count(k => k) / (double)tensor.Value.numel();
        }
        Assert.True(Share("layer.0.output.dense", "lora_A.weight") < Share("layer.0.attention.self.query", "lora_A.weight"));
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new SparseOptions { Sparsity = 1 }), "\"sparsity\" is 1");
        Refusal.Of(bench, () => bench.Add(new SparseOptions { PruneBy = "luck" }), "\"luck\"", "snip");
        Refusal.Of(bench, () => bench.Add(new SparseOptions { Part = new(new SparseOptions()) }), "part");
        Refusal.Of(bench, () => bench.Add(new SparseOptions { Part = new(MethodRegistry.Options("bitfit")) }), "BITFIT", "pruned");
    }

    private static IEnumerable<bool> Kept(SparseMethod adapter, AdapterTensor tensor) =>
        (tensor.Get(new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) }) != 0).contiguous().data<bool>().ToArray();

    public void Dispose() => _folder.Dispose();

    private sealed class Batches : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 1;

        public TokenBatch Batch(int epoch, int index) => TinyModels.Batch();
    }
}
