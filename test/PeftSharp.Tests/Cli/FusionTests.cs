using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Cli;

/// <summary>Fusions that the program trains, listens to and prunes, and adapters that serve without their lowest layers.</summary>
public sealed class FusionTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private static readonly Lock Gate = new();

    [Fact]
    public void A_Fusion_Is_Trained_On_Top_Of_Adapters_That_Stay_As_They_Are()
    {
        var (a, b) = (Neck("one", 1), Neck("two", 2));
        var fused = folder.File_("fused");
        // The base is the one that the adapters name.
        var run = Peft.Run(
            "train", "--fuse", $"{a},{b}", "--data", folder.Train, "--eval-data", folder.Dev, "--out", fused, "--epochs", "4", "--lr",
            "5e-3", "--set", "temperature=true", "--compute", "fp32", "--json").Succeeds();
        Assert.Equal(("fusion", "fuse"), ((string?)run.Json["settings"]!["method"], run.Json["settings"]!["fuse"] is null ? "" : "fuse"));
        Assert.True((bool)run.Json["settings"]!["method_settings"]!["temperature"]!);
        Assert.True(AdapterSetup.Is(fused));
        Assert.Equal(["one", "one,two", "two"], Directory.GetDirectories(fused).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var (name, own) in new[] { ("one", a), ("two", b) })
            Assert.Equal(Tensors(Path.Combine(own, "adapter.safetensors")), Tensors(Path.Combine(fused, name, "adapter.safetensors")));

        var scored = Peft.Run("eval", "--base", folder.Model, "--adapter", fused, "--data", folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)run.Json["metrics"]!["loss"]!, (double)scored["metrics"]!["loss"]!, 1e-5);
        var beside = $"fuse[\"{Path.Combine(fused, "one,two")}\"]({a},{b})";
        Assert.Equal(Answer(fused), Answer(beside));
        // What a run resumes from is the same setting.
        Assert.Contains("has come to its end", Peft.Run("train", "--resume", "--out", fused).Succeeds().Error);
        Peft.Run(
            "train", "--fuse", $"{a},{b}", "--data", folder.Train, "--out", fused, "--max-steps", "1", "--compute", "fp32", "--overwrite")
            .Succeeds();

        var proved = Peft.Run("verify", fused, "--json").Succeeds().Json;
        Assert.Contains(proved["checks"]!.AsArray(), check => (string?)check!["name"] == "probes, answers");
        Assert.Contains("one by one", Peft.Run("verify", $"stack({a},{b})").Fails(2));
        var told = Peft.Run("info", fused, "--json").Succeeds().Json;
        Assert.Equal("composition", (string?)told["kind"]);
        Assert.Equal(["adapter", "adapter", "fusion"], told["parts"]!.AsArray().Select(part => (string?)part!["kind"]));
        Assert.Contains("kind:               fusion", Peft.Run("info", beside).Succeeds().Output);
    }

    [Fact]
    public void Shares_Are_Measured_And_What_Is_Hardly_Asked_Is_Left_Out()
    {
        var (a, b, c) = (Neck("one", 1), Neck("two", 2), Neck("three", 3));
        var fused = folder.File_("three-fused");
        using (var run = FineTuning.Of(folder.Model).Fuse(a, b, c).On(folder.Train).Steps(3).Set("compute", "fp32")
            .Run(cancellation: TestContext.Current.CancellationToken))
        {
            Assert.IsType<FusionMethod>(run.Adapter);
            // The fusion's maps and its head, and nothing of the adapters.
            Assert.Equal(run.Adapter.TrainedWeights, run.Parameters.Trainable);
            run.Save(fused);
        }
        var found = Peft.Run(
            "analyze", "--base", folder.Model, "--adapter", fused, "--data", folder.Dev, "--json").Succeeds().Json;
        var shares = found["fusion"]!["mean"]!.AsObject().ToDictionary(share => share.Key, share => (double)share.Value!);
        Assert.Equal(["one", "three", "two"], shares.Keys.Order());
        Assert.Equal(1, shares.Values.Sum(), 1e-6);
        Assert.Equal(Listened(fused), shares.Values.ToArray(), (x, y) => Math.Abs(x - y) < 1e-6);
        Assert.Equal(3, found["parts"]!.AsArray().Count);
        Assert.Contains("give --data PATH", Peft.Run("analyze", "--base", folder.Model, "--adapter", fused).Succeeds().Output);

        var least = (shares.Values.Order().First() + shares.Values.Order().ElementAt(1)) / 2;
        var small = folder.File_("small");
        string[] prune = ["combine", "--base", folder.Model, "--adapter", fused, "--how", "prune", "--data", folder.Dev];
        var kept = Peft.Run([.. prune, "--least-share", $"{least}", "--out", small, "--json"]).Succeeds().Json["kept"]!.AsArray();
        Assert.Equal(shares.OrderByDescending(s => s.Value).Take(2).Select(s => s.Key).Order(), kept.Select(k => (string?)k).Order());
        using var model = LoadedModel.Open(folder.Model, small);
        Assert.Equal(2, model.Model.Adapters.Values.OfType<FusionMethod>().Single().FusedNames.Count);
        Assert.Equal(["negative", "positive"], model.Labels);
        Peft.Run("predict", "--base", folder.Model, "--adapter", small, "--text", "the film is good").Succeeds();
        Peft.Run("verify", small, "--base", folder.Model).Succeeds();
        // A proof that is written anew stays the program's own: the folder can be replaced.
        Peft.Run("verify", small, "--base", folder.Model, "--write").Succeeds();
        Peft.Run([.. prune, "--least-share", $"{least}", "--out", small, "--overwrite"]).Succeeds();
        Assert.Contains(
            "goes with --how prune",
            Peft.Run("combine", "--adapter", fused, "--least-share", "0.1", "--out", folder.File_("no")).Fails(2));
        Assert.Contains("fuses nothing", Refused([.. prune.Select(p => p == fused ? $"stack({a},{b})" : p), "--out", folder.File_("no")]));
    }

    [Fact]
    public void What_Cannot_Be_Fused_Is_Refused_Before_A_Step()
    {
        var (a, b) = (Neck("one", 1), Neck("two", 2));
        string Fuse(string what, params string[] more) => Refused(
            ["train", "--base", folder.Model, "--fuse", what, "--data", folder.Train, "--out", folder.File_("no"), .. more]);
        folder.TrainTo("lora-beside", "--max-steps", "1", "--epochs", "1").Succeeds();
        Assert.Contains("which no fusion reaches", Fuse($"{a},{folder.File_("lora-beside")}"));
        Assert.Contains("leave one of them out", Fuse($"{a},{b}", "--adapter", a));
        Assert.Contains("--method is lora", Fuse($"{a},{b}", "--method", "lora"));
        Assert.Contains("names a fusion that was trained", Fuse($"fuse[x]({a},{b})"));
        Assert.Contains("does not exist", Fuse($"{a},{folder.File_("nowhere")}"));
        Assert.Contains("no setting \"r\"", Fuse($"{a},{b}", "--set", "r=4"));
        Fuse(a);
        Assert.False(Path.Exists(folder.File_("no")));
    }

    [Fact]
    public void A_Recipe_Names_A_Fusion_And_A_Dry_Run_Tells_Its_Files()
    {
        var (a, b) = (Neck("one", 1), Neck("two", 2));
        var recipe = folder.File_("fuse.yaml");
        File.WriteAllText(
            recipe,
            $"base_model: {folder.Model}\nfuse: [{a}, {b}]\nvalue: false\nregularization: false\ndata: {folder.Train}\nmax_steps: 2\n"
            + "adapter_drop: 1\ncompute: fp32\n");
        var dry = Peft.Run("train", "--recipe", recipe, "--dry-run", "--json", "--out", folder.File_("of-recipe")).Succeeds().Json;
        Assert.False(Path.Exists(folder.File_("of-recipe")));
        var run = Peft.Run("train", "--recipe", recipe, "--json", "--out", folder.File_("of-recipe")).Succeeds();
        Assert.False((bool)run.Json["settings"]!["method_settings"]!["value"]!);
        Assert.Equal(1, (int)run.Json["settings"]!["adapter_drop"]!);
        var expected = dry["output"]!["files"]!.AsArray().ToDictionary(f => (string)f!["name"]!, f => f!);
        foreach (var file in Directory.GetFiles(folder.File_("of-recipe"), "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(folder.File_("of-recipe"), file).Replace('\\', '/');
            if (name.EndsWith(".png", StringComparison.Ordinal)) continue;
            Assert.True(expected.ContainsKey(name), name);
            if (name.EndsWith(".safetensors", StringComparison.Ordinal))
                Assert.Equal(new FileInfo(file).Length, (long)expected[name]["bytes"]!);
        }
    }

    [Fact]
    public void An_Adapter_Serves_Without_Its_Lowest_Layers()
    {
        folder.TrainTo("dropped", "--method", "pfeiffer", "--adapter-drop", "1", "--epochs", "2").Succeeds();
        var adapter = folder.File_("dropped");
        Assert.NotEqual(Logits(adapter, 0), Logits(adapter, 1));
        using var loaded = LoadedModel.Open(folder.Model, adapter, new LoadOptions { DropLayers = 1 });
        using var data = TextDataset.Load(folder.Dev);
        using var tokens = TokenizedDataset.Create(data, new TokenizerTextEncoder(Tokenizer.Load(folder.Model)), loaded.MaxLength());
        var whole = AdapterSelection.Of(loaded.Adapter!.Tag);
        Assert.Equal(
            new Evaluator(loaded.Model, whole.With(LayerDrop.Lowest(1)), tokens).Outputs().Values.ToArray(), Logits(adapter, 1),
            (x, y) => Math.Abs(x - y) < 1e-6);
        Assert.Contains("a number from 1 to 1", folder.TrainTo("no", "--method", "pfeiffer", "--adapter-drop", "2").Fails(2));
        // Another number is another run.
        using var run = FineTuning.Of(folder.Model).With("pfeiffer").DropLayers(1).On(folder.Train).Steps(2).Run();
        Assert.Equal(1, (int)run.Report["settings"]!["adapter_drop"]!);
    }

    private static string Refused(string[] line)
    {
        var result = Peft.Run(line);
        Assert.NotEqual(0, result.ExitCode);
        return result.Fails(result.ExitCode);
    }

    private double[] Listened(string fused)
    {
        using var loaded = LoadedModel.Open(folder.Model, fused);
        return [.. FusionShares.Of(loaded, folder.Dev).Mean.Select(share => share.Value)];
    }

    private string Answer(string adapter) =>
        Peft.Run("predict", "--base", folder.Model, "--adapter", adapter, "--text", "the film is good", "--json").Succeeds().Output;

    private float[] Logits(string adapter, int drop)
    {
        var file = folder.File_($"drop-{drop}.safetensors");
        Peft.Run(
            "predict", "--base", folder.Model, "--adapter", adapter, "--drop-layers", $"{drop}", "--data", folder.Dev, "--logits", file,
            "--out", folder.File_($"drop-{drop}.jsonl")).Succeeds();
        using var tensors = SafetensorsFile.Open(file);
        using var logits = tensors.Read("logits");
        return logits.data<float>().ToArray();
    }

    // Values by name, the adapter's own name aside.
    private static List<float[]> Tensors(string file)
    {
        using var tensors = SafetensorsFile.Open(file);
        return
        [
            .. tensors.Tensors.Keys.Order(StringComparer.Ordinal).Select(name =>
            {
                using var value = tensors.Read(name);
                return value.data<float>().ToArray();
            }),
        ];
    }

    private string Neck(string name, int seed)
    {
        lock (Gate)
        {
            if (!Directory.Exists(folder.File_(name)))
                folder.TrainTo(name, "--method", "pfeiffer", "--seed", $"{seed}", "--epochs", "3").Succeeds();
        }
        return folder.File_(name);
    }
}
