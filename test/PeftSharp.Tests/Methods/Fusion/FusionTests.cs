using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Fusion;

/// <summary>AdapterFusion: what it computes, what it trains, what it leaves alone, and how it lies on disk.</summary>
public sealed class FusionTests
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var architecture in (string[])["bert", "roberta", "distilbert", "gpt2", "llama"])
                foreach (var kind in (string[])["pfeiffer", "houlsby", "parallel", "scaled-parallel"]) data.Add(architecture, kind);
            return data;
        }
    }

    /// <summary>Where all say the same, it does not matter whom one asks.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_Fusion_Of_Equals_Is_One_Of_Them(string architecture, string kind)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (a, b) = (Off(bench, kind, "a", 70), Off(bench, kind, "b", 70));
        var fusion = bench.Peft.AddFusion([a.Name, b.Name]);
        using (no_grad())
        {
            foreach (var value in fusion.Tensors.Where(t => t.Local == "value.weight"))
                value.Value.copy_(eye(value.Value.shape[0], dtype: ScalarType.Float64));
            foreach (var other in fusion.Tensors.Where(t => t.Local.StartsWith("query") || t.Local.StartsWith("key")))
                other.Value.add_(randn_like(other.Value));
            foreach (var head in fusion.Tensors.Where(t => t.SavedModule))
                head.Value.copy_(a.Tensors.First(t => t.Name == head.Name).Value);
        }
        Bits.AssertClose(bench.Logits(a), bench.Logits(fusion), Rounding.Exact, kind);
        Bits.AssertDiffers(bench.Logits(AdapterSelection.None), bench.Logits(fusion), kind);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rows_With_A_Fusion_Equal_The_Rows_Alone(string architecture, string kind)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (a, b, c) = (Off(bench, kind, "a", 70), Off(bench, kind, "b", 80), Off(bench, "lora", "c", 90));
        var fusion = Off(bench.Peft.AddFusion(["a", "b"]), 95);
        AdapterComposition?[] rows = [fusion.Tag.Acts, null, AdapterComposition.StackOf(c.Tag.Single, fusion.Tag.Acts), a.Tag.Single];
        var mixed = bench.Logits(AdapterSelection.PerRow(rows));
        for (var row = 0; row < rows.Length; row++)
        {
            var alone = bench.Logits(rows[row] is { } tree ? AdapterSelection.Of(tree) : AdapterSelection.None, row);
            Bits.AssertClose(alone, mixed.narrow(0, row, 1), Rounding.Exact, $"Row {row}");
        }
        Bits.AssertDiffers(bench.Logits(b), bench.Logits(fusion), "The fusion");
    }

    [Theory]
    [InlineData("bert", false)]
    [InlineData("llama", true)]
    public void Training_Moves_The_Fusion_And_Nothing_Else(string architecture, bool temperature)
    {
        using var bench = new Bench(architecture);
        var (a, b) = (Off(bench, "pfeiffer", "a", 70), Off(bench, "pfeiffer", "b", 80));
        var fusion = bench.Peft.AddFusion(["a", "b"], new FusionOptions { Temperature = temperature });
        var before = fusion.Tensors.Select(t => t.Value.detach().clone()).ToList();
        var others = a.Tensors.Concat(b.Tensors).Select(t => (t.Name, t.Value.detach().clone())).ToList();
        var plain = bench.BaseTensors();
        var trained = new TrainableAdapter(bench.Peft, fusion);
        using var optimizer = Bench.Optimizer(fusion);
        for (var step = 0; step < 3; step++)
        {
            using var scope = NewDisposeScope();
            trained.Loss(bench.Batch, new(step, 0, 3, (ulong)step, 0.01)).Mean.Backpropagate();
            optimizer.Step(0.01);
            trained.AfterStep(new(step, 0, 3, (ulong)step, 0.01));
            optimizer.ZeroGrad();
        }
        Assert.All(a.Tensors.Concat(b.Tensors), t => Assert.Null(t.Value.grad));
        Bits.AssertSame(others, a.Tensors.Concat(b.Tensors).Select(t => (t.Name, t.Value.detach())).ToList());
        Bits.AssertSame(plain, bench.BaseTensors());
        for (var i = 0; i < before.Count; i++) Bits.AssertDiffers(before[i], fusion.Tensors[i].Value, fusion.Tensors[i].Name);
        Assert.Equal(temperature ? 50 - 3 * 0.05 : 1, fusion.CurrentTemperature, 1e-12);
        Assert.Equal(temperature, fusion.StateJson is not null);
    }

    [Fact]
    public void Gradients_Match_Finite_Differences_Regularisation_Included()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        Off(bench, "pfeiffer", "a", 70);
        Off(bench, "pfeiffer", "b", 80);
        var fusion = Off(bench.Peft.AddFusion(["a", "b"]), 95, 0.02);
        bench.Loss(fusion).Backpropagate();
        foreach (var tensor in fusion.Tensors)
        {
            using var scope = NewDisposeScope();
            var direction = Initial.Normal(tensor.Value.shape, 1, 5).to(ScalarType.Float64);
            double At(double by)
            {
                using var guard = no_grad();
                tensor.Value.add_(direction * by);
                var loss = bench.Loss(fusion).item<double>();
                tensor.Value.sub_(direction * by);
                return loss;
            }
            var slope = (tensor.Value.grad! * direction).sum().item<double>();
            Assert.Equal(slope, (At(1e-6) - At(-1e-6)) / 2e-6, 1e-6);
        }
        var (plain, pulled) = (bench.Loss(fusion), fusion.Tensors.Where(t => t.Local == "value.weight"));
        var distance = pulled.Sum(t => (eye(32, dtype: ScalarType.Float64) - t.Value).pow(2).sum().item<double>());
        var context = new ForwardContext { Selection = AdapterSelection.Of(fusion.Tag) };
        Assert.Equal(plain.item<double>(), bench.Peft.Model.Loss(bench.Batch, context).Mean.item<double>() + 0.01 * distance, 1e-10);
    }

    [Theory]
    [InlineData("bert", "pfeiffer")]
    [InlineData("llama", "scaled-parallel")]
    public void Round_Trip_In_AdapterHubs_Files(string architecture, string kind)
    {
        using var bench = new Bench(architecture);
        var (a, b) = (Off(bench, kind, "a", 70), Off(bench, kind, "b", 80));
        var fusion =
            Off(bench.Peft.AddFusion(["b", "a"], FusionOptions.Static with { Dropout = 0.25, ResidualBefore = true }, outputs: 5), 95);
        var expected = bench.Logits(fusion);
        using var folder = new TempFolder();
        foreach (var adapter in (PeftMethod[])[a, b, fusion])
            AdapterFolder.Save(adapter, folder.File(adapter.Name), AdapterFormat.AdapterHub);
        Assert.True(File.Exists(Path.Combine(folder.File("b,a"), "adapter_fusion_config.json")));
        Assert.True(File.Exists(Path.Combine(folder.File("b,a"), "model_adapter_fusion.safetensors")));
        foreach (var name in (string[])["b,a", "a", "b"]) bench.Peft.Remove(name);
        Refusal.Of(bench, () => AdapterFolder.Open(folder.File("b,a")).LoadInto(bench.Peft), "\"b\"");
        AdapterFolder.Open(folder.File("a")).LoadInto(bench.Peft);
        AdapterFolder.Open(folder.File("b")).LoadInto(bench.Peft);
        var opened = AdapterFolder.Open(folder.File("b,a"));
        Assert.Equal(["b", "a"], opened.FusedNames);
        var again = (FusionMethod)opened.LoadInto(bench.Peft, "second");
        Bits.AssertSame(expected, bench.Logits(again), "The fusion after saving and loading under another name");
        Assert.Equal(0.25, ((FusionOptions)again.Options).Dropout);
        Refusal.Sentence(() => AdapterFolder.Save(again, folder.File("x"), AdapterFormat.Peft), "AdapterHub");
    }

    [Fact]
    public void A_Fusion_Is_Pruned_To_The_Adapters_That_Count()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        foreach (var (name, seed) in (IEnumerable<(string, ulong)>)[("a", 70), ("b", 80), ("c", 90)]) Off(bench, "pfeiffer", name, seed);
        var fusion = Off(bench.Peft.AddFusion(["a", "b", "c"]), 95);
        var heard = new FusionWeights();
        bench.Peft.Model.Forward(
            bench.Batch, new() { Selection = AdapterSelection.Of(fusion.Tag), FusionListener = heard, AllTokens = true });
        Assert.Equal(1, heard.Mean.Sum(), 1e-9);
        Assert.Equal(2, heard.ByBranch.Count);
        var kept = bench.Peft.PruneFusion(fusion, ["a", "c"]);
        Assert.Equal("a,c", kept.Name);
        Assert.Equal(["a", "c"], kept.FusedNames);
        // Never asked: what is left has all the weight.
        using (no_grad())
            foreach (var tensor in bench.Peft["b"].Tensors.Where(t => !t.SavedModule)) tensor.Value.zero_();
        var same = bench.Peft.AddFusion(["a", "c"], name: "fresh");
        using (no_grad())
            foreach (var (tensor, from) in same.Tensors.Zip(fusion.Tensors)) tensor.Value.copy_(from.Value);
        Bits.AssertSame(bench.Logits(same), bench.Logits(kept), "The pruned fusion");
        Refusal.Of(bench, () => bench.Peft.PruneFusion(fusion, ["a", "x"]), "\"x\"");
        Refusal.Of(bench, () => bench.Peft.PruneFusion(fusion, ["a"]), "two");
    }

    /// <summary>The last of a stack reads what those before it made; an adapter that adds nothing changes nothing.</summary>
    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void A_Stack_In_A_Fusion_Starts_From_The_Branch(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        foreach (var (name, seed) in (IEnumerable<(string, ulong)>)[("a", 70), ("b", 80), ("x", 90), ("nothing", 60)])
            Off(bench, "pfeiffer", name, seed);
        using (no_grad())
            foreach (var tensor in bench.Peft["nothing"].Tensors.Where(t => t.Local.StartsWith("adapter_up"))) tensor.Value.zero_();
        var fusion = Off(bench.Peft.AddFusion(["a", "b"]), 95);
        Bits.AssertClose(
            bench.Logits(fusion), bench.Logits(bench.Peft.Select("fuse(stack(nothing,a),b)")), Rounding.Exact,
            "With an adapter that adds nothing");
        Bits.AssertDiffers(bench.Logits(fusion), bench.Logits(bench.Peft.Select("fuse(stack(x,a),b)")), "With another below");
    }

    [Fact]
    public void What_Cannot_Be_Fused_Is_Refused()
    {
        using var bench = new Bench("bert");
        Off(bench, "pfeiffer", "a", 70);
        Off(bench, "houlsby", "two-places", 80);
        Off(bench, "lora", "lora", 80);
        Off(bench, "houlsby-2019", "norms", 80);
        Off(bench, "unipelt", "union", 80);
        bench.Add(new BottleneckOptions { LeaveOut = [0] }, "upper");
        foreach (
            var (other, said) in (
                IEnumerable<(string, string)>)[("lora", "linear map"), ("norms", "LayerNorm"), ("union", "no fusion reaches"),
                ("two-places", "does not act at"), ("upper", "does not act at"), ("none", "no adapter")])
            Refusal.Of(bench, () => bench.Peft.AddFusion(["a", other]), said);
        Refusal.Of(bench, () => bench.Peft.AddFusion(["a"]), "two");
        Refusal.Of(
            bench, () => bench.Peft.AddFusion(["a", "a"], new FusionOptions { Query = false, Key = false, Value = false }),
            "nothing to train");
        bench.Peft.Remove("upper");
        var fusion = bench.Peft.AddFusion(["a", "a"], name: "twice");
        bench.Logits(fusion);
        bench.Peft.Remove("a");
        Refusal.Of(bench, () => bench.Logits(fusion), "\"a\" was removed");
    }

    private static PeftMethod Off(Bench bench, string method, string name, ulong seed) => Off(bench.Add(method, name, seed), seed);

    private static T Off<T>(T adapter, ulong seed, double by = 0.1) where T : PeftMethod
    {
        Bench.Disturb(adapter, by, seed);
        return adapter;
    }
}
