using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Boft;
using PeftSharp.Methods.Reparameterized.Hra;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Reparameterized.Oft;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Reparameterized;

/// <summary>Methods that turn what a linear map reads, against their formulas written out, and beside each other.</summary>
public sealed class TurnTests
{
    [Fact]
    public void Reflections_At_Once_Are_Those_One_After_The_Other()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new HraOptions { Rank = 3, InitWeights = false, TargetModules = new(["layer.1.attention.self.query"]) });
        var u = adapter.Tensors.Single(t => t.Local == "hra_u").Value.detach();
        var product = eye(32, dtype: ScalarType.Float64);
        for (var i = 0; i < 3; i++)
        {
            var unit = u.select(1, i) / u.select(1, i).norm();
            product = product.mm(eye(32, dtype: ScalarType.Float64) - 2 * outer(unit, unit));
        }
        AssertWeight(bench, adapter, weight => weight.mm(product));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Butterfly_Factors_Are_Products_Of_Permutations_And_Blocks(int factors)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(
            new BoftOptions
            {
                BlockSize = 4,
                Factors = factors,
                InitWeights = false,
                TargetModules = new(["layer.1.attention.self.query"]),
            });
        var numbers = adapter.Tensors.Single(t => t.Local == "boft_R").Value.detach();
        var all = eye(32, dtype: ScalarType.Float64);
        for (var factor = 0; factor < factors; factor++)
        {
            var blocks = Enumerable.Range(0, 8).Select(block => Cayley(numbers[factor, block]));
            var permutation = zeros(32, 32, dtype: ScalarType.Float64);
            var order = Pairs(4 << factor, factors > 1);
            for (var i = 0; i < 32; i++) permutation[i, i / order.Length * order.Length + order[i % order.Length]] = 1;
            all = permutation.mm(block_diag([.. blocks])).mm(permutation.t()).mm(all);
        }
        var scale = adapter.Tensors.Single(t => t.Local == "boft_s").Value.detach();
        AssertWeight(bench, adapter, weight => scale * all.mm(weight.t()).t());
    }

    // Pairs of neighbours within a group: those at even places before those at odd ones.
    private static int[] Pairs(int group, bool moves)
    {
        var pairs = Enumerable.Range(0, group / 2).ToList();
        var order = moves ? [.. pairs.Where(p => p % 2 == 0), .. pairs.Where(p => p % 2 == 1)] : pairs;
        return [.. order.SelectMany(p => (int[])[2 * p, 2 * p + 1])];
    }

    private static Tensor Cayley(Tensor numbers)
    {
        var skew = 0.5 * (numbers - numbers.t());
        var identity = eye(skew.shape[0], dtype: ScalarType.Float64);
        return (identity - skew).mm(linalg.inv(identity + skew));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Turns_Of_A_Union_Follow_Each_Other_And_Merge(bool oftFirst)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        MethodOptions oft = new OftOptions { BlockSize = 8 }, hra = new HraOptions { Rank = 4 };
        var union = new UnionOptions
        {
            Parts = [oftFirst ? oft : hra, new LoraOptions { Rank = 2 }, new BoftOptions(), oftFirst ? hra : oft],
        };
        var adapter = bench.Add(union);
        Bench.Disturb(adapter);
        var adapted = bench.Logits(adapter);
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
        bench.Peft.Unmerge();
        using var other = new Bench("bert", ScalarType.Float64);
        var turned = other.Add(union with { Parts = [.. union.Parts.Reverse()] });
        foreach (var (a, b) in Ordered(adapter).Zip(Ordered(turned)))
            using (no_grad()) b.Value.copy_(a.Value);
        Bits.AssertDiffers(adapted, other.Logits(turned), "The order of two turns");
    }

    private static IEnumerable<AdapterTensor> Ordered(PeftMethod adapter) =>
        adapter.Tensors.OrderBy(t => $"{t.Path}.{t.Local}", StringComparer.Ordinal);

    [Fact]
    public void A_Constrained_Turn_Stays_Near_The_Identity()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new OftOptions { BlockSize = 8, Constrained = true, Epsilon = 1e-3 });
        Bench.Disturb(adapter);
        bench.Train(adapter, 4);
        var largest = 1e-3 / Math.Sqrt(4);
        foreach (var upper in adapter.Tensors.Where(t => t.Local == "oft_R.weight"))
        {
            var norms = (2 * upper.Value.detach().pow(2).sum(1)).sqrt();
            Assert.All(norms.data<double>().ToArray(), norm => Assert.InRange(norm, 0, largest * (1 + 1e-12)));
            Assert.Contains(norms.data<double>().ToArray(), norm => norm > 0.9 * largest);
        }
    }

    [Theory]
    [InlineData(5, 4)]
    [InlineData(6, 4)]
    [InlineData(7, 8)]
    [InlineData(100, 32)]
    public void Blocks_That_Do_Not_Divide_Become_The_Nearest_That_Do(int asked, int taken)
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new OftOptions { BlockSize = asked });
        Assert.Equal([32 / taken, taken * (taken - 1) / 2], adapter.Tensors.First(t => t.Local == "oft_R.weight").Value.shape);
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new BoftOptions { BlockSize = 5 }), "\"boft_block_size\" is 5", "32");
        Refusal.Of(bench, () => bench.Add(new BoftOptions { BlockSize = 4, Factors = 5 }), "\"boft_n_butterfly_factor\" is 5", "16");
        Refusal.Of(bench, () => bench.Add(new BoftOptions { BlockSize = 4, Blocks = 8 }), "\"boft_block_num\"");
        Refusal.Of(bench, () => bench.Add(new OftOptions { BlockSize = 4, Blocks = 8 }), "\"oft_block_size\" is 4");
        Refusal.Of(bench, () => bench.Add(new OftOptions { NeumannTerms = 1 }), "\"num_cayley_neumann_terms\" is 1");
        Refusal.Of(bench, () => bench.Add(new HraOptions { Rank = 40, Orthogonalises = true }), "\"r\" is 40", "32");
    }

    private static void AssertWeight(Bench bench, PeftMethod adapter, Func<Tensor, Tensor> expected)
    {
        var slot = bench.Sites.Projections.Single(p => p.Path.EndsWith("layer.1.attention.self.query", StringComparison.Ordinal)).Weight;
        var before = slot.Value.clone();
        bench.Peft.Merge(adapter.Name);
        var merged = slot.Get(new ForwardContext()).Dense();
        Bits.AssertClose(expected(before), merged, Rounding.Exact, "The merged weight");
    }
}
