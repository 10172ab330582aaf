using PeftSharp.Analysis.Combining.Soups;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis.Combining.Soups;

/// <summary>Means of chosen adapters: by score, and by the likeness of domains.</summary>
public sealed class AdapterSoupTests : IDisposable
{
    private readonly CliFolder _folder = new();

    // The score is how near the first tensor's mean is to a number: 1 for a, 2 for b, 5 for c; the mean of a and b is nearest to 1.6.
    [Theory]
    [InlineData(1.6, new[] { true, true, false }, 1.5)]
    [InlineData(2.1, new[] { false, true, false }, 2)]
    [InlineData(3, new[] { false, true, true }, 3.5)]
    [InlineData(5, new[] { false, false, true }, 5)]
    public void A_Greedy_Soup_Takes_What_Does_Not_Harm(double wanted, bool[] kept, double expected)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapters = Filled(bench, ("a", 1), ("b", 2), ("c", 5));
        double Score(PeftMethod adapter) => -Math.Abs(adapter.Tensors[0].Value.mean().item<double>() - wanted);
        var soup = AdapterSoup.Greedy(bench.Peft, adapters, Score);
        Assert.Equal(kept, soup.Ingredients.Select(i => i.IsKept));
        Assert.Equal(["a", "b", "c"], soup.Ingredients.Select(i => i.Adapter));
        Assert.Equal(adapters.Select(Score), soup.Ingredients.Select(i => i.Value));
        Assert.Equal(expected, soup.Adapter.Tensors[0].Value.mean().item<double>(), 1e-12);
        Assert.Equal(Score(soup.Adapter), soup.Score!.Value, 1e-12);
        Assert.Equal(["a", "b", "c", "soup"], bench.Peft.Adapters.Keys.Order());
    }

    [Fact]
    public void A_Soup_Of_Equal_Adapters_Answers_As_Each()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapters = Filled(bench, ("a", 0.1), ("b", 0.1));
        var soup = AdapterSoup.Greedy(bench.Peft, adapters, _ => 0);
        Assert.All(soup.Ingredients, i => Assert.True(i.IsKept));
        Bits.AssertClose(bench.Logits(adapters[0]), bench.Logits(soup.Adapter), Rounding.Exact, "The output");
    }

    [Fact]
    public void What_Has_No_Mean_Is_Refused_Before_Anything_Is_Scored()
    {
        using var bench = new Bench("bert");
        var adapters = new[] { bench.Add("pfeiffer", "a"), bench.Add("houlsby", "b") };
        Refusal.Of(
            bench, () => AdapterSoup.Greedy(bench.Peft, adapters, _ => throw new InvalidOperationException()),
            "their methods or tensors differ");
    }

    [Fact]
    public void The_Command_Line_Makes_Soups_By_Score_And_By_Domain()
    {
        var (near, far) = (_folder.File_("near.tsv"), _folder.File_("far.tsv"));
        File.WriteAllText(near, "sentence\tlabel\nthe film is very good\tpositive\na film is good\tpositive\nthe film is fine\tpositive\n");
        File.WriteAllText(far, "sentence\tlabel\nbook book poor dull\tnegative\nbook awful awful\tnegative\nawful book dull\tnegative\n");
        _folder.TrainTo("a", "--epochs", "20").Succeeds();
        _folder.TrainTo("b", "--max-steps", "1", "--seed", "2").Succeeds();
        string[] common =
        [
            "combine", "--base", _folder.Model, "--adapter", $"average({_folder.File_("a")},{_folder.File_("b")})", "--overwrite", "--json",
            "--out", _folder.File_("soup"),
        ];
        var greedy = Peft.Run([.. common, "--soup", "greedy", "--data", _folder.Dev]).Succeeds().Json;
        Assert.True((bool)greedy["adapters"]![0]!["kept"]!);
        var best = (double)greedy["adapters"]![0]!["value"]!;
        Assert.True((double)greedy["score"]! >= best);
        using (var predictor = Predictor.Load(_folder.File_("soup"))) Assert.Equal(2, predictor.Labels.Count);
        Assert.Equal(
            (double)greedy["score"]!,
            (double)Peft.Run("eval", "--base", _folder.Model, "--adapter", _folder.File_("soup"), "--data", _folder.Dev, "--json")
                .Succeeds().Json["metrics"]!["accuracy"]!, 1e-9);
        foreach (var way in (string[])["similar", "cluster"])
        {
            var made = Peft.Run([.. common, "--soup", way, "--domains", $"{near},{far}", "--data", near, "--members", "1"]).Succeeds().Json;
            Assert.Equal([true, false], made["adapters"]!.AsArray().Select(a => (bool)a!["kept"]!));
            Assert.True((double)made["adapters"]![0]!["value"]! > (double)made["adapters"]![1]!["value"]!);
        }
        Assert.Contains("greedy, similar or cluster", Peft.Run([.. common, "--soup", "tasty"]).Fails(2));
        Assert.Contains("needs --data", Peft.Run([.. common, "--soup", "greedy"]).Fails(2));
        Assert.Contains("--data goes with --soup", Peft.Run([.. common, "--data", near]).Fails(2));
        Assert.Contains("leave out --how", Peft.Run([.. common, "--soup", "greedy", "--data", near, "--how", "ties"]).Fails(2));
        string[] one = [.. common, "--soup", "similar", "--data", near, "--domains", near];
        Assert.Contains("1 domains were named for 2", Peft.Run(one).Fails(2));
    }

    private static PeftMethod[] Filled(Bench bench, params (string Name, double Value)[] all)
    {
        using var guard = no_grad();
        return [.. all.Select(one =>
        {
            var adapter = bench.Add(new BottleneckOptions(), one.Name);
            foreach (var tensor in adapter.Tensors.Where(t => t.Role == TensorRole.Trained)) tensor.Value.fill_(one.Value);
            return adapter;
        })];
    }

    public void Dispose() => _folder.Dispose();
}
