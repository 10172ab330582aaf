using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.RandLora;
using PeftSharp.Runs.Conformance;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Reparameterized;

/// <summary>Random bases that every layer shares.</summary>
public sealed class RandLoraTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public void Bases_Are_Drawn_As_Peft_Draws_Them()
    {
        using var reference = new ConformanceCase(TestPaths.Fixture("cases", "bert-randlora"));
        using var drawn = new PeftModel(reference.LoadModel());
        using var loaded = new PeftModel(reference.LoadModel());
        foreach (var (made, read) in drawn.Add(reference.Options).Frozen.Zip(reference.Adapter!.LoadInto(loaded).Frozen))
            Bits.AssertSame(read.Value, made.Value, made.Name);
    }

    [Fact]
    public void Bases_Are_Written_Once_And_Copies_Have_To_Be_Copies()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new RandLoraOptions { Rank = 8 });
        AdapterFolder.Save(adapter, _folder.Root);
        var file = AdapterFolder.Open(_folder.Root).WeightsFile;
        var tensors = Read(file);
        Assert.Equal(
            ["base_model.randlora_A", "base_model.randlora_B"], tensors.Keys.Where(k => k.Contains("randlora_A", StringComparison.Ordinal)
            || k.Contains("randlora_B", StringComparison.Ordinal)).Order());
        const string Copy = "base_model.model.bert.encoder.layer.0.attention.self.query.randlora_A";
        tensors.Add(Copy, tensors["base_model.randlora_A"]);
        SafetensorsWriter.Write(file, tensors);
        using (var other = new Bench("bert"))
            Bits.AssertSame(
                bench.Logits(adapter), other.Logits(AdapterFolder.Open(_folder.Root).LoadInto(other.Peft)), "The output with a copy");
        tensors[Copy] = tensors[Copy] * 2;
        SafetensorsWriter.Write(file, tensors);
        using var last = new Bench("bert");
        Refusal.Of(last, () => AdapterFolder.Open(_folder.Root).LoadInto(last.Peft), Copy, "share");
    }

    [Theory]
    [InlineData("llama", "v_proj")]
    [InlineData("bert", "intermediate.dense")]
    public void Change_Is_The_Sum_Over_Bases(string architecture, string map)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(new RandLoraOptions { Rank = 5, Alpha = 7, InitWeights = false, TargetModules = new([map]) });
        var site = bench.Sites.Projections.First(p => p.Path.EndsWith(map, StringComparison.Ordinal));
        var (a, b) = (adapter.Frozen[0].Value, adapter.Frozen[1].Value);
        Tensor Own(string local) => adapter.Tensors.Single(t => t.Path == site.Path && t.Local == local).Value.detach();
        var (lambda, gamma) = (Own("randlora_lambda"), Own("randlora_gamma"));
        var (narrow, wide) = (Math.Min(site.InFeatures, site.OutFeatures), Math.Max(site.InFeatures, site.OutFeatures));
        var bases = lambda.shape[1];
        var sum = zeros(wide, narrow, dtype: ScalarType.Float64);
        // The columns of B and the rows of A are paired in the orders in which each of them is flattened.
        for (var pair = 0L; pair < 5 * bases; pair++)
        {
            var row = lambda[pair / bases, pair % bases] * a[pair / bases, 0].narrow(0, 0, narrow) * gamma[pair % bases];
            sum += outer(b.narrow(0, 0, wide)[TensorIndex.Colon, pair / 5, pair % 5], row);
        }
        var before = site.Weight.Value.clone();
        bench.Peft.Merge(adapter.Name);
        var expected = before + 7.0 / 5 * (site.OutFeatures == wide ? sum : sum.t());
        Bits.AssertClose(expected, site.Weight.Get(new PeftSharp.Sites.ForwardContext()).Dense(), Rounding.Exact, "The merged weight");
    }

    private static Dictionary<string, Tensor> Read(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.Keys.ToDictionary(k => k, k => file.Read(k).clone());
    }

    public void Dispose() => _folder.Dispose();
}
