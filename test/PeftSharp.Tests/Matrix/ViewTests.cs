using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Hira;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Reparameterized.Oft;
using PeftSharp.Methods.Reparameterized.Road;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 13: with its tensors masked, sliced or replaced through their slots, a method merges to what it computes.</summary>
public sealed class ViewTests
{
    public static TheoryData<string, string> Variants => new(
        from architecture in TinyModels.Names
        from variant in LoraVariants.Keys
        where variant != "bias" || HasBiases(architecture)
        select (architecture, variant));

    // Whether all maps of the layers have biases to merge into.
    private static bool HasBiases(string architecture) =>
        TinyModels.Shapes(architecture).Projections
            .Where(p => p.Role is not (ProjectionRole.Head or ProjectionRole.Vocabulary))
            .All(p => p.Bias is not null);

    private static readonly Dictionary<string, LoraOptions> LoraVariants = new()
    {
        ["dora"] = new() { UseDora = true },
        ["bias"] = new() { LoraBias = true, Bias = "all", TargetModules = new("all-linear") },
        ["embedding"] = new() { TargetModules = new(["word_embeddings", "tok_embeddings", "embed_tokens", "wte"]) },
        ["tokens"] = new() { TrainableTokens = new(new Dictionary<string, IReadOnlyList<long>> { [TokenIndices.Input] = [7, 50, 3] }) },
        ["rslora"] = new() { UseRsLora = true, Rank = 4 },
    };

    [Theory]
    [MemberData(nameof(MatrixCases.Mergeable), MemberType = typeof(MatrixCases))]
    public void Masked_And_Replaced_Tensors_Merge_As_They_Compute(string architecture, string method) =>
        Merges(architecture, TinySettings.Of(method));

    [Theory]
    [MemberData(nameof(Variants))]
    public void So_They_Do_In_Every_Kind_Of_Lora(string architecture, string variant) => Merges(architecture, LoraVariants[variant]);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_Slice_Of_The_Rank_Merges_As_It_Computes(bool dora)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new LoraOptions { UseDora = dora });
        Bench.Disturb(adapter);
        var whole = bench.Logits(adapter);
        foreach (var tensor in adapter.Tensors.Where(t => t.Local is "lora_A.weight" or "lora_B.weight"))
            tensor.Slot.Replace(adapter.Tag, (value, _) => value.narrow(tensor.Local == "lora_A.weight" ? 0 : 1, 0, 3));
        Bits.AssertDiffers(whole, bench.Logits(adapter), "The slice");
        AssertMerges(bench, adapter);
    }

    // What stands at a slot of the base besides the plug-in counts as well.
    [Fact]
    public void A_Replaced_Base_Weight_Merges_With_What_Is_Added_To_It()
    {
        MethodOptions[] all =
            [new LoraOptions(), new LoraOptions { UseDora = true }, new HiraOptions(), new OftOptions(), new RoadOptions { GroupSize = 8 }];
        foreach (var options in all)
        {
            using var bench = new Bench("roberta", ScalarType.Float64);
            var adapter = bench.Add(options);
            Bench.Disturb(adapter);
            foreach (var site in bench.Sites.Projections) site.Weight.ReplaceTensor(adapter.Tag, (weight, _) => weight.Times(0.9));
            AssertMerges(bench, adapter);
        }
    }

    /// <summary>Holds the law for an adapter of these settings.</summary>
    internal static void Merges(string architecture, MethodOptions options)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(options);
        Bench.Disturb(adapter);
        var plain = bench.Logits(adapter);
        foreach (var (tensor, i) in adapter.Tensors.Select((t, i) => (t, i)))
        {
            var mask = Initial.Uniform(tensor.Value.shape, 0.5, 300 + (ulong)i).IsAbove(0).to(ScalarType.Float64);
            tensor.Slot.Replace(adapter.Tag, (value, _) => value.mul(mask).Plus(0.05));
        }
        Bits.AssertDiffers(plain, bench.Logits(adapter), "The view");
        AssertMerges(bench, adapter);
    }

    private static void AssertMerges(Bench bench, PeftMethod adapter)
    {
        var adapted = bench.Logits(adapter);
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
        bench.Peft.Unmerge();
        Bits.AssertSame(adapted, bench.Logits(adapter), "The adapter's output after unmerging");
    }
}
