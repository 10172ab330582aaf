using PeftSharp.Analysis;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis;

/// <summary>What an analysis says of an adapter is what merging does.</summary>
public sealed class AdapterAnalysisTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Mergeable), MemberType = typeof(MatrixCases))]
    public void Every_mergeable_method_is_covered_by_its_own_merging(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        using var scope = NewDisposeScope();
        var adapter = bench.Add(method);
        bench.Train(adapter);
        var analysis = AdapterAnalysis.Of(bench.Peft, adapter);
        bench.Peft.Merge(adapter.Name);
        var changed = bench.Sites.Slots.Where(s => s.IsMerged).ToList();
        var plain = new ForwardContext();
        double Change(Slot slot) =>
            ((slot is WeightSlot w ? w.Get(plain).Dense() : ((TensorSlot)slot).Get(plain)) - slot.Value)
                .to(ScalarType.Float64)
                .norm()
                .item<double>();
        foreach (var slot in changed)
        {
            var found = slot.Kind is SlotKind.Weight or SlotKind.Embedding
                ? analysis.Matrices.Single(m => m.Place.Path == slot.Module).Spectrum.Norm
                : analysis.Vectors.Single(v => v.Name == slot.Name).Norm;
            Assert.Equal(Change(slot), found, 1e-5 * Math.Max(1, Change(slot)));
        }
        Assert.Equal(changed.Count, analysis.Matrices.Count + analysis.Vectors.Count);
        Assert.Empty(analysis.Effects);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.NotMergeable), MemberType = typeof(MatrixCases))]
    public void What_is_no_change_of_weights_is_told_in_its_own_numbers(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        bench.Train(adapter);
        var analysis = AdapterAnalysis.Of(bench.Peft, adapter);
        Assert.NotEmpty(analysis.Effects);
        Assert.All(analysis.Effects.SelectMany(e => e.Numbers), n => Assert.True(double.IsFinite(n.Value), n.Key));
        // No ΔW is made up: only the head, which is a trained copy.
        Assert.All(analysis.Matrices, m => Assert.Equal(MatrixGroup.Head, m.Place.Group));
    }

    [Fact]
    public void A_prefix_has_the_norms_of_its_table_and_a_bottleneck_the_spectrum_of_its_factors()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var prefix = bench.Add("prefix");
        var rows = prefix.Tensors[0].Value.to(ScalarType.Float64).view(20, 4, 32);   // tokens, (layer, key or value), width
        var first = AdapterAnalysis.Of(bench.Peft, prefix).Effects[0];
        Assert.Equal(rows.norm(2).mean([0]).data<double>()[0], first.Numbers[0].Value, 6);

        var bottleneck = bench.Add("pfeiffer", "second");
        bench.Train(bottleneck);
        var map = AdapterAnalysis.Of(bench.Peft, bottleneck).Effects[0];
        var (down, up) = (bottleneck.Tensors[0].Value, bottleneck.Tensors[2].Value);
        Assert.Equal(matmul(up, down).norm().item<float>(), map.LinearMap!.Norm, 5);
        Assert.True(map.LinearMap.NumericalRank <= 2);
    }

    [Fact]
    public void Rounding_errors_are_those_of_the_rounded_weights()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var adapter = bench.Add("lora");
        bench.Train(adapter);
        var matrix = AdapterAnalysis.Of(bench.Peft, adapter).Matrices[0];
        var site = bench.Sites.Projections.First(p => p.Path == matrix.Place.Path);
        bench.Peft.Merge(adapter.Name);
        var merged = site.Weight.Get(new ForwardContext()).Dense();
        var error = (merged.to(ScalarType.BFloat16).to(ScalarType.Float32) - merged).norm().item<float>();
        var rounding = matrix.Rounding.Single(r => r.Type == "bf16");
        Assert.Equal(error / matrix.Spectrum.Norm, rounding.UpdateError, 5);
        Assert.Equal(error / merged.norm().item<float>(), rounding.OutputError, 7);
        Assert.True(matrix.Rounding.Single(r => r.Type == "fp16").UpdateError < rounding.UpdateError);
        Assert.True(matrix.Rounding.Single(r => r.Type == "nf4").UpdateError > rounding.UpdateError);
        Refusal.Sentence(() => AdapterAnalysis.Of(bench.Peft, adapter), "unmerge");
    }

    [Fact]
    public void An_adapter_shares_all_directions_with_itself_and_few_with_a_stranger()
    {
        using var bench = new Bench("bert");
        var options = new LoraOptions { Rank = 4, InitLoraWeights = System.Text.Json.JsonDocument.Parse("false").RootElement };
        var one = bench.Peft.Add(options, "one", 1);
        var same = bench.Peft.Add(options, "same", 1);
        var other = bench.Peft.Add(options, "other", 2);
        var itself = SubspaceOverlap.Of(bench.Peft, one, same);
        Assert.Equal(4, itself.Count); // two layers, query and value
        Assert.All(itself, o =>
        {
            for (var i = 0; i < 4; i++)
                for (var j = 0; j < 4; j++) Assert.Equal(1, o.In[i, j], 6);
            Assert.All(o.AnglesOut, a => Assert.Equal(0, a, 1e-3));
        });
        var stranger = SubspaceOverlap.Of(bench.Peft, one, other, 2);
        Assert.All(stranger, o => Assert.Equal((2, 2), (o.In.GetLength(0), o.Out.GetLength(1))));
        // Directions of R³²: on average 2/32, with room for chance.
        Assert.InRange(SubspaceOverlap.Mean(stranger, 2, 2, true), 0, 0.3);
        Assert.True(double.IsNaN(SubspaceOverlap.Mean(stranger, 3, 3, true)));
    }

    [Fact]
    public void Principal_angles_and_phi_of_known_subspaces()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var (one, two) = (Planes(bench, "one", 0), Planes(bench, "two", 1));
        var overlap = SubspaceOverlap.Of(bench.Peft, one, two)[0];
        // Inputs e0, e1 against e1, e2: they share e1.
        Assert.Equal([0, 90], overlap.AnglesIn.Select(a => Math.Round(a, 3)));
        Assert.Equal(0, overlap.In[0, 0], 6);   // e0 against e1
        Assert.Equal(1, overlap.In[1, 0], 6);   // e0, e1 against e1
        Assert.Equal(0.5, overlap.In[1, 1], 6);
    }

    // ΔW reads e_k with strength 4 and e_(k+1) with strength 1.
    private static PeftMethod Planes(Bench bench, string name, int k)
    {
        using var guard = no_grad();
        var adapter = bench.Peft.Add(new LoraOptions { Rank = 2, Alpha = 2 }, name);
        foreach (var tensor in adapter.Tensors.Where(t => t.Local.StartsWith("lora_", StringComparison.Ordinal)))
        {
            tensor.Value.zero_();
            var isA = tensor.Local.StartsWith("lora_A", StringComparison.Ordinal);
            for (var i = 0; i < 2; i++)
                if (isA) tensor.Value[i, k + i] = i == 0 ? 4 : 1;
                else tensor.Value[i, i] = 1;
        }
        return adapter;
    }
}
