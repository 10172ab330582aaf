using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Runs.Autotuning;
using PeftSharp.Runs.Autotuning.Structure;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Autotuning;

/// <summary>Gates at modules, the budget that they share, and the structure that is left.</summary>
public sealed class StructureTests
{
    private static readonly MethodOptions Lora = new LoraOptions { Rank = 2, TargetModules = new("all-linear") },
        Serial = new BottleneckOptions { Size = 4 };

    private static readonly UnionOptions Both = new() { Parts = [Lora, Serial] };

    // Parts start alike in a union and alone, so closed gates of one part leave the other as it would be by itself.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    public void A_Gate_At_0_Takes_A_Part_Away_And_At_1_Leaves_It(int lora, int serial)
    {
        using Bench gated = new("bert"), plain = new("bert");
        var adapter = gated.Add(Both);
        Disturb(adapter);
        var positions = GatedPositions.Of(adapter);
        using var gates = new StructureGates(positions, long.MaxValue / 4, adapter.Tag);
        gates.Set(positions.Select(p => p.Part == 0 ? (double)lora : serial));
        MethodOptions[] parts = [.. ((MethodOptions[])[Lora, Serial]).Where((_, i) => (i == 0 ? lora : serial) == 1)];
        if (parts.Length == 0)
        {
            using var closed = gated.Logits(adapter);
            Bits.AssertSame(gated.Logits(AdapterSelection.None), closed, "The output behind closed gates");
            return;
        }
        var alone = plain.Add(new UnionOptions { Parts = parts });
        using (no_grad())
            foreach (var tensor in alone.Tensors) tensor.Value.copy_(adapter.Tensors.Single(t => t.Name == tensor.Name).Value);
        Bits.AssertSame(plain.Logits(alone), gated.Logits(adapter), "The output");
    }

    [Fact]
    public void What_Is_Open_In_The_Mean_Trains_The_Budget()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(Both);
        var positions = GatedPositions.Of(adapter);
        // Six maps and a bottleneck in each of two layers, and the pooler's map.
        Assert.Equal((13, 2), (positions.Count(p => p.Part == 0), positions.Count(p => p.Part == 1)));
        var all = positions.Sum(p => p.Weights);
        Assert.Equal(adapter.TrainedWeights - adapter.HeadWeights, all);
        using var gates = new StructureGates(positions, all / 3, adapter.Tag);
        using (no_grad()) gates.Alphas.copy_(Initial.Normal([positions.Count], 2, 5));
        var probabilities = gates.Probabilities();
        Assert.Equal(all / 3, probabilities.Zip(positions, (p, at) => p * at.Weights).Sum(), 1.0);
        var kept = gates.Kept();
        Assert.True(kept.Sum(i => positions[i].Weights) <= all / 3);
        // Whatever was not kept and is more probable than something kept did not fit any more.
        Assert.Contains(kept, i => probabilities[i] == probabilities.Max());
        var left = all / 3 - kept.Sum(i => positions[i].Weights);
        Assert.All(Enumerable.Range(0, positions.Count).Except(kept), i => Assert.True(positions[i].Weights > left));
    }

    [Fact]
    public void Draws_Are_Open_As_Often_As_Their_Probability_Says_And_Teach_The_Gates()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(Both);
        Disturb(adapter);
        var positions = GatedPositions.Of(adapter);
        using var gates = new StructureGates(positions, positions.Sum(p => p.Weights) / 4, adapter.Tag);
        gates.Draw(new SeededRandom(3));
        bench.Loss(adapter, training: true).Backpropagate();
        var gradient = gates.Alphas.grad!;
        Assert.Equal(positions.Count, gradient.count_nonzero().item<long>());
        // The sum of the probabilities gets no gradient, so all alphas rising together would change nothing.
        Assert.True(Math.Abs(gradient.sum().item<float>()) < 1e-4f * gradient.abs().sum().item<float>() + 1e-7f);
    }

    [Fact]
    public void A_Structure_Under_A_Budget_Is_A_Recipe_That_Trains()
    {
        using var folder = new CliFolder();
        AutotunePlan Plan(long most) => new()
        {
            Common = new()
            {
                ["base_model"] = folder.Model,
                ["data"] = folder.Train,
                ["compute"] = "fp32",
                ["learning_rate"] = 1e-2,
            },
            Strategy = AutotuneStrategy.S3Delta,
            MaxWeights = most,
            Rows = 40,
            Epochs = 2,
        };
        var token = TestContext.Current.CancellationToken;
        var search = Autotune.Run(Plan(700), folder.File_("search"), cancellation: token);
        var found = Assert.Single(search.Trials);
        Assert.InRange(found.Weights, 1, 700);
        Assert.Equal(15, search.Report["structure"]!.AsArray().Count);
        using var run = Recipe.Load(search.RecipeFile!).Set("max_steps", "2").To(folder.File_("found")).Run(cancellation: token);
        Assert.Equal(found.Weights, run.Adapter.TrainedWeights - run.Adapter.HeadWeights);
        using var predictor = Predictor.Load(folder.File_("found"));
        Assert.Equal(2, predictor.Labels.Count);
        // What was found is kept, and the same seed finds the same.
        foreach (var place in (string[])["search", "again"])
        {
            var other = Autotune.Run(Plan(700), folder.File_(place), cancellation: token);
            Assert.Equal(search.Report["structure"]!.ToJsonString(), other.Report["structure"]!.ToJsonString());
        }
        Assert.Contains(
            "the smallest module of the space trains",
            Assert.ThrowsAny<PeftException>(() => Autotune.Run(Plan(10), folder.File_("none"), cancellation: token)).Message);
        Assert.Contains(
            "cannot close \"prefix_tuning\"",
            Assert.ThrowsAny<PeftException>(
                () => Autotune.Run(Plan(700) with { Space = SearchSpace.AutoPeft }, folder.File_("none"), cancellation: token)).Message);
    }

    // The head stays as it is, so that closed gates leave the base.
    private static void Disturb(PeftMethod adapter)
    {
        using var guard = no_grad();
        foreach (var (tensor, i) in adapter.Tensors.Where(t => t.Role == TensorRole.Trained).Select((t, i) => (t, i)))
            tensor.Value.add_(Initial.Normal(tensor.Value.shape, 0.1, 70 + (ulong)i));
    }
}
