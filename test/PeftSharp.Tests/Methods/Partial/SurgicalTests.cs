using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Partial.Surgical;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Surgical fine-tuning: relative gradient norms against those of a plain backward pass.</summary>
public sealed class SurgicalTests
{
    private static Batches Data => new([TinyModels.Rows([0, 1], 9), TinyModels.Rows([2, 3], 9)]);

    [Fact]
    public void Rates_Are_In_Proportion_To_The_Relative_Gradient_Norm()
    {
        using var scope = NewDisposeScope();
        using Bench bench = new("bert", ScalarType.Float64), full = new("bert", ScalarType.Float64);
        var adapter = (SurgicalMethod)bench.Add(new SurgicalOptions());
        var model = new TrainableAdapter(bench.Peft, adapter);
        Assert.All(model.Parameters, p => Assert.Equal(1, p.RateFactor));
        model.Prepare(Data, 0);
        var norms = Relative(full);
        var largest = norms.Where(n => !n.Key.StartsWith("classifier", StringComparison.Ordinal)).Max(n => n.Value);
        foreach (var parameter in model.Parameters)
        {
            var expected = parameter.Name.StartsWith("classifier", StringComparison.Ordinal) ? 1 : norms[parameter.Name] / largest;
            Assert.Equal(Math.Max(1e-9, expected), parameter.RateFactor, 9);
        }
        Assert.Contains(model.Parameters, p => p.RateFactor < 0.5);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void The_Blocks_With_The_Largest_Norm_Are_Trained_And_Come_Back(string architecture)
    {
        using var scope = NewDisposeScope();
        using Bench bench = new(architecture), full = new(architecture), fresh = new(architecture);
        var adapter = (SurgicalMethod)bench.Add(new SurgicalOptions { Blocks = 2 });
        var options = new TrainerOptions { LearningRate = 0.01, MaxSteps = 2 };
        using (var trainer = new Trainer(new TrainableAdapter(bench.Peft, adapter), Data, options))
            trainer.Run();
        Relative(full); // its gradients are still there
        var blocks = full.Peft["first"].Tensors.Where(t => !adapter.IsHead(t.Path))
            .GroupBy(t => bench.Sites.RegionOf(t.Path))
            .ToDictionary(g => g.Key, g => Root(g.Sum(t => Square(t.Value.grad))) / Root(g.Sum(t => Square(t.Value))));
        Assert.Equal(blocks.OrderByDescending(b => b.Value).Take(2).Select(b => b.Key).Order(), adapter.Blocks.Order());
        var trained = adapter.Tensors.Where(t => !t.SavedModule).Select(t => bench.Sites.RegionOf(t.Path));
        Assert.Equal(adapter.Blocks.Order(), trained.Distinct().Order());
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root);
        var loaded = (SurgicalMethod)AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        Assert.Equal(adapter.Blocks, loaded.Blocks);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output after saving and loading");
    }

    [Fact]
    public void A_Strange_Block_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new SurgicalOptions { Chosen = ["model.layers.0"] }), "model.layers.0", "bert.encoder.layer.1");
        Refusal.Of(bench, () => bench.Add(new SurgicalOptions { Blocks = 0 }), "blocks");
        Refusal.Of(bench, () => bench.Add(new SurgicalOptions { Examples = 0 }), "examples");
    }

    // The gradient of the mean loss of all rows, by full fine-tuning's own tensors.
    private static Dictionary<string, double> Relative(Bench bench)
    {
        var whole = bench.Add(new FullOptions());
        var call = new ForwardContext { Selection = AdapterSelection.Of(whole.Tag) };
        bench.Peft.Model.Loss(TinyModels.Rows([0, 1, 2, 3], 9), call).Mean.Backpropagate();
        return whole.Tensors.ToDictionary(t => t.Name, t => Root(Square(t.Value.grad)) / Root(Square(t.Value)));
    }

    private static double Square(Tensor? x) => x is null ? 0 : x.detach().to(ScalarType.Float64).square().sum().item<double>();

    private static double Root(double x) => Math.Sqrt(x);
}
