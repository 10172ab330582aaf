using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Hub;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Unified.ProPetl;
using PeftSharp.Runs;
using PeftSharp.Runs.Joint;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Joint;

/// <summary>A prototype that tasks share: trained by all of them, kept once in a file of its own, refused to any of them alone.</summary>
public sealed class JointPrototypeTests : IDisposable
{
    private const string Shared = "prototype.safetensors", Weights = "adapter_model.safetensors";

    private static readonly ProPetlOptions Options =
        new() { Part = new(new BottleneckOptions { ReductionFactor = 4 }), Prototype = "both" };

    private readonly CliFolder _folder = new();

    private FineTuning Tuning => FineTuning.Of(_folder.Model).With(Options).Rate(1e-2).Epochs(2).Set("compute", "fp32")
        .OnTask("one", _folder.Train, new KeyValuePair<string, string>("eval_data", _folder.Dev))
        .OnTask("two", _folder.Dev, new KeyValuePair<string, string>("eval_data", _folder.Train));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void It_Is_Written_Once_And_Each_Task_Reads_It_With_Masks_Of_Its_Own()
    {
        var root = _folder.File_("run");
        using (var run = Tuning.To(root).Run(cancellation: Token))
        {
            var (one, two) = ((ProPetlMethod)run.Extract("one"), (ProPetlMethod)run.Extract("two"));
            Assert.Contains(one.Shared.Zip(two.Shared), pair => pair.First.Mask.ne(pair.Second.Mask).any().item<bool>());
            Assert.All(one.Prototype.Zip(two.Prototype), pair => Assert.Same(pair.First.Value, pair.Second.Value));
            // The prototype counts once.
            Assert.Equal(
                one.TrainedWeights + two.TrainedWeights - one.Prototype.Sum(p => p.Value.numel()),
                (long)run.Report["parameters"]!["trainable"]!);
            foreach (var (task, method) in new[] { ("one", one), ("two", two) })
            {
                var told = Peft.Run("info", Path.Combine(root, task), "--json").Succeeds().Json;
                Assert.Equal((method.TaskBytes, method.SharedBytes), ((long)told["task_bytes"]!, (long)told["shared_bytes"]!));
            }
        }
        Assert.Equal(
            [".peftsharp.json", "one", Shared, "run.json", "training_log.jsonl", "two"],
            Directory.GetFileSystemEntries(root).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal));
        foreach (var task in (string[])["one", "two"])
        {
            Assert.False(File.Exists(Path.Combine(root, task, Shared)));
            using var file = SafetensorsFile.Open(Path.Combine(root, task, Weights));
            Assert.DoesNotContain(file.Tensors.Keys, key => key.Contains("prototype", StringComparison.Ordinal));
            var metrics = JsonNode.Parse(File.ReadAllText(Path.Combine(root, "run.json")))!["tasks"]![task == "one" ? 0 : 1]!["metrics"]!;
            var data = task == "one" ? _folder.Dev : _folder.Train;
            var scores = Peft.Run("eval", "--adapter", Path.Combine(root, task), "--data", data, "--json").Succeeds().Json;
            Assert.Equal((double)metrics["accuracy"]!, (double)scores["metrics"]!["accuracy"]!);
            Peft.Run("verify", Path.Combine(root, task)).Succeeds();
            // A repository of one task is whole.
            Assert.Contains(HubUpload.FilesOf(Path.Combine(root, task)), f => f.Name == Shared && f.Bytes > 0);
        }
    }

    [Fact]
    public void A_Task_Without_It_Or_With_Another_Is_Refused()
    {
        Tuning.To(_folder.File_("run")).Run(cancellation: Token).Dispose();
        Tuning.Rate(3e-2).To(_folder.File_("later")).Run(cancellation: Token).Dispose();
        var task = _folder.File_("moved");
        Directory.CreateDirectory(task);
        foreach (var file in Directory.GetFiles(_folder.File_("run/one"))) File.Copy(file, Path.Combine(task, Path.GetFileName(file)));
        string Refused() => Assert.ThrowsAny<PeftException>(() => LoadedModel.Open(_folder.Model, task).Dispose()).Message;
        Assert.Contains($"{Shared} is missing", Refused());
        File.Copy(_folder.File_($"later/{Shared}"), Path.Combine(task, Shared));
        Assert.Contains("is not the file that the adapter was trained with", Refused());
        File.Copy(_folder.File_($"run/{Shared}"), Path.Combine(task, Shared), overwrite: true);
        using var moved = LoadedModel.Open(_folder.Model, task);
        using var there = LoadedModel.Open(_folder.Model, _folder.File_("run/one"));
        Assert.Equal(
            Evaluation.Run(there, _folder.Dev).Scores.Values["loss"], Evaluation.Run(moved, _folder.Dev).Scores.Values["loss"]);
        // The settings are a stranger's: neither a path nor anything but a hash goes through them.
        var settings = Path.Combine(task, "adapter_config.json");
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(settings))!;
        json["prototype_sha256"] = "../../etc";
        File.WriteAllText(settings, json.ToJsonString());
        Assert.Contains("\"prototype_sha256\" is \"../../etc\"", Refused().Replace("$.", "", StringComparison.Ordinal));
        File.Delete(Path.Combine(task, "peft_proof.json"));
        Assert.Contains("is not the file", Refused());
    }

    [Fact]
    public void No_Task_Trains_It_Alone()
    {
        var alone = FineTuning.Of(_folder.Model).With(Options).On(_folder.Train).To(_folder.File_("alone"));
        Assert.Contains(
            "\"both\" is what several tasks share", Assert.ThrowsAny<PeftException>(() => alone.Run(cancellation: Token)).Message);
        Tuning.To(_folder.File_("run")).Run(cancellation: Token).Dispose();
        var further = Peft.Run(
            "train", "--adapter", _folder.File_("run/one"), "--data", _folder.Train, "--out", _folder.File_("further"));
        Assert.NotEqual(0, further.ExitCode);
        Assert.Contains("one task alone would change it for all of them", further.Error);
        Assert.False(Directory.Exists(_folder.File_("further")));
        using var loaded = LoadedModel.Open(_folder.Model, _folder.File_("run/one"));
        Assert.Contains(
            "train them together in a joint run",
            Assert.Throws<PeftException>(() => new TrainableAdapter(loaded.Model, loaded.Adapter!)).Message);
    }

    [Fact]
    public void Who_Reads_It_Is_Trained_With_It()
    {
        using var bench = new Bench("bert");
        var shared = new SharedAdapter(bench.Peft, Options, [new("a", ["no", "maybe", "yes"]), new("b", ["good", "bad"])], seed: 5);
        var model = new JointAdapters(bench.Peft, shared.Tasks);
        Assert.Equal(model.Parameters.Count, model.Parameters.DistinctBy(p => p.Value, ReferenceEqualityComparer.Instance).Count());
        bench.Add(Options, "outside");
        Assert.Contains(
            "Other adapters of the model read", Assert.Throws<PeftException>(() => new JointAdapters(bench.Peft, shared.Tasks)).Message);
        bench.Peft.Remove("outside");
        var extracted = shared.Extract(1, "copy");
        Bits.AssertSame(bench.Logits(shared.Tasks[1].Selection), bench.Logits(extracted), "The answer of the second task");
        Assert.Equal(2, extracted.Outputs);
    }

    [Fact]
    public void A_Run_That_Was_Cut_Off_Goes_On_To_The_Same_End()
    {
        var described = Tuning.Set("save_steps", "3");
        described.To(_folder.File_("whole")).Run(cancellation: Token).Dispose();
        using var stop = new CancellationTokenSource();
        using (var cut = described.To(_folder.File_("cut")).Run(new JointRunTests.Stopping(stop, 5), stop.Token)) Assert.True(cut.CanGoOn);
        using (var resumed = Run.Resume(_folder.File_("cut"), cancellation: Token)) Assert.False(resumed.Interrupted);
        foreach (var file in (string[])[Shared, $"one/{Weights}", $"two/{Weights}", "one/adapter_config.json"])
            Assert.Equal(File.ReadAllBytes(_folder.File_($"whole/{file}")), File.ReadAllBytes(_folder.File_($"cut/{file}")));
    }

    public void Dispose() => _folder.Dispose();
}
