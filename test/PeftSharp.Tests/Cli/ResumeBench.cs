using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>One short run with dropout, early stopping and the best weights kept, started, cut off and taken up again.</summary>
internal sealed class ResumeBench(CliFolder folder)
{
    public const int Steps = 60;

    public Peft.Result Train(string name, params string[] more) => Peft.Run(Arguments(name, more));

    public Peft.Result Resume(string name) => Peft.Run("train", "--resume", "--out", folder.File_(name));

    public string Work(string name) => folder.File_($".{name}.run");

    public JsonNode Run(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_(name), "run.json")))!;

    /// <summary>Steps of the checkpoints, the newest first.</summary>
    public List<int> Checkpoints(string name) => !Directory.Exists(Work(name)) ? [] :
        [
            .. Directory.GetDirectories(Work(name), "checkpoint-*")
                .Select(d => int.Parse(Path.GetFileName(d)["checkpoint-".Length..]))
                .OrderDescending(),
        ];

    /// <summary>Every file that a cut-off run left, with its content.</summary>
    public List<(string Name, string Content)> WorkFiles(string name) =>
        [
            .. Directory.GetFiles(Work(name), "*", SearchOption.AllDirectories)
                .Where(f => Path.GetFileName(f) is not ("pid" or "lock") && Path.GetFileName(Path.GetDirectoryName(f)) != "output")
                .Order()
                .Select(f => (f, Convert.ToBase64String(File.ReadAllBytes(f)))),
        ];

    /// <summary>Starts a run and returns when it makes steps.</summary>
    public Process TrainUntilStep(string name, params string[] more)
    {
        var process = Peft.Start(false, Arguments(name, more));
        while (process.StandardError.ReadLine() is { } line && !line.StartsWith("step ", StringComparison.Ordinal)) { }
        return process;
    }

    /// <summary>Starts a run and kills it when it has at least two checkpoints.</summary>
    public void Cut(string name)
    {
        using var process = Peft.Start(false, Arguments(name, ["--max-steps", $"{Steps}"]));
        while (!process.HasExited && Checkpoints(name).Count < 2) Thread.Sleep(2);
        process.Kill();
        process.WaitForExit();
        // The next one may have been in place with the oldest not yet deleted.
        foreach (var step in Checkpoints(name).Skip(2)) Directory.Delete(Path.Combine(Work(name), $"checkpoint-{step}"), recursive: true);
        if (Checkpoints(name).Count != 2 || File.Exists(Path.Combine(folder.File_(name), "run.json")))
            throw new InvalidOperationException("The run was not cut off in time.");
    }

    /// <summary>The same adapter byte for byte, the same curves, the same scores; nothing left of the work.</summary>
    public void AssertSame(string whole, string resumed)
    {
        foreach (var file in (string[])["adapter_model.safetensors", "adapter_config.json"])
            Assert.True(
                File.ReadAllBytes(Path.Combine(folder.File_(whole), file))
                    .AsSpan()
                    .SequenceEqual(File.ReadAllBytes(Path.Combine(folder.File_(resumed), file))),
                $"{file} differs");
        Assert.Equal(Log(whole), Log(resumed));
        foreach (var field in (string[])["steps", "total_steps", "train_loss", "metrics", "best_step", "stopped_early", "interrupted",
            "data", "parameters"])
            Assert.Equal(Run(whole)[field]?.ToJsonString(), Run(resumed)[field]?.ToJsonString());
        Assert.DoesNotContain(folder.Entries, e => e.StartsWith($".{resumed}.", StringComparison.Ordinal));
    }

    // All but times.
    private List<string> Log(string name) => [.. File.ReadLines(Path.Combine(folder.File_(name), "training_log.jsonl")).Select(line =>
    {
        var json = JsonNode.Parse(line)!.AsObject();
        foreach (var time in (string[])["seconds", "samples_per_second", "tokens_per_second"]) json.Remove(time);
        return json.ToJsonString(JsonSerializerOptions.Default);
    })];

    public string[] Arguments(string name, params string[] more)
    {
        (string, string)[] settings =
        [
            ("--base", folder.Model), ("--method", "lora"), ("--data", folder.Train), ("--eval-data", folder.Dev),
            ("--max-steps", $"{Steps}"), ("--eval-steps", "3"),
            ("--early-stopping", "1000"), ("--lr", "2e-2"), ("--compute", "fp32"), ("--save-steps", "1"),
        ];
        return [
            "train", "--out", folder.File_(name), "--set", "lora_dropout=0.1",
            .. settings.Where(s => !more.Contains(s.Item1) && !(s.Item1 == "--max-steps" && more.Contains("--epochs")))
                .SelectMany(s => (string[])[s.Item1, s.Item2]),
            .. more,
        ];
    }
}
