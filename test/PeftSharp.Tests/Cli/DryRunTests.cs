using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>What is said before a run is what the run then does, and nothing is written for it.</summary>
public sealed class DryRunTests(CliFolder folder) : IClassFixture<CliFolder>
{
    [Theory]
    [InlineData("lora")]
    [InlineData("full")]
    [InlineData("prefix")]
    public void Counts_And_Bytes_Are_Those_Of_The_Run(string method)
    {
        string[] more =
            ["--method", method, "--epochs", "1.5", "--accumulate", "3", "--take", "59", "--batch-size", "8", "--tokens-per-pass", "30"];
        var before = folder.Entries;
        var dry = Train(method, [.. more, "--dry-run", "--json"]).Succeeds().Json;
        Assert.Equal(before, folder.Entries);
        Train(method, more).Succeeds();
        var path = folder.File_(method);
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(path, "run.json")))!;

        foreach (var (name, value) in run["parameters"]!.AsObject())
            Assert.Equal(value!.ToJsonString(), dry["parameters"]![name]!.ToJsonString());
        Assert.Equal((long)run["parameters"]!["trainable"]!, dry["parameters"]!["components"]!.AsArray().Sum(c => (long)c!["weights"]!));
        Assert.Equal(run["data"]!.ToJsonString(), dry["data"]!.ToJsonString());
        Assert.Equal((long)run["steps"]!, (long)dry["plan"]!["total_steps"]!);
        var lines = File.ReadAllLines(Path.Combine(path, "training_log.jsonl")).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(lines.Count(l => l["evaluation"] is not null), (int)dry["plan"]!["evaluations"]!);

        var files = dry["output"]!["files"]!.AsArray()
            .ToDictionary(f => f!["name"]!.ToString(), f => (Bytes: (long)f!["bytes"]!, Exact: (bool)f["exact"]!));
        Assert.Equal(Directory.GetFiles(path).Select(Path.GetFileName).Order(), files.Keys.Order());
        foreach (var (name, (bytes, exact)) in files)
        {
            var real = new FileInfo(Path.Combine(path, name)).Length;
            if (exact) Assert.Equal((name, real), (name, bytes));
            else Assert.InRange(bytes, real / 2, real * 2);
        }
        Assert.All(
            files.Where(f => f.Key.EndsWith(".safetensors", StringComparison.Ordinal) || f.Key is "adapter_config.json" or "vocab.txt"),
            f => Assert.True(f.Value.Exact));
        Assert.InRange((long)dry["memory"]!["peak_bytes"]!, (long)run["peak_memory_bytes"]! / 2, (long)run["peak_memory_bytes"]! * 2);
    }

    [Fact]
    public void The_Text_Names_What_Counts()
    {
        var result = folder.TrainTo("text", "--dry-run").Succeeds();
        foreach (
            var part in new[]
            {
                "trainable params: 2,114",
                "without the head: ",
                "encoder.layer.*.attention.self.query",
                "train on",
                "score on",
                "120 steps (4 an epoch)",
                "most at once",
                "adapter_model.safetensors",
                "text is free; nothing was written",
            })
            Assert.Contains(part, result.Output);
        Assert.DoesNotContain("warning", result.Error);
        Assert.False(Directory.Exists(folder.File_("text")));
    }

    [Fact]
    public void A_Folder_That_Would_Be_Replaced_Stays_As_It_Is()
    {
        folder.TrainTo("old", "--max-steps", "1").Succeeds();
        var before = Listing("old");
        Assert.Contains("--overwrite", folder.TrainTo("old", "--dry-run").Fails(2));
        Assert.Contains("would be replaced", folder.TrainTo("old", "--dry-run", "--overwrite").Succeeds().Output);
        Assert.True((bool)folder.TrainTo("old", "--dry-run", "--overwrite", "--json").Succeeds().Json["output"]!["replaces"]!);
        Assert.Equal(before, Listing("old"));
    }

    [Theory]
    [InlineData(2, "has no setting \"rank\"", "--set", "rank=4")]
    [InlineData(1, "there is no column 'lable'", "--label", "lable")]
    [InlineData(2, "there is no method \"loar\"", "--method", "loar")]
    [InlineData(1, "no_such_module", "--set", "target_modules=no_such_module")]
    [InlineData(2, "which this run reads", "--out", "MODEL", "--overwrite")]
    [InlineData(1, "cannot be worked on", "--out", "UNDER_FILE")]
    public void What_Could_Not_Run_Is_Refused_As_The_Run_Does(int code, string expected, params string[] args)
    {
        args = [.. args.Select(a => a switch { "MODEL" => folder.Model, "UNDER_FILE" => Path.Combine(folder.Train, "run"), _ => a })];
        var before = folder.Entries;
        string[] given =
        [
            .. Defaults("--method", "lora"), .. Defaults("--out", folder.File_("refused")), "--base", folder.Model, "--data", folder.Train,
            "--compute", "fp32", .. args,
        ];
        string[] Defaults(string option, string value) => args.Contains(option) ? [] : [option, value];
        var dry = Peft.Run(["train", .. given, "--dry-run"]);
        Assert.Equal(code, dry.ExitCode);
        Assert.Empty(dry.Output);
        Assert.Contains(expected, Sentence(dry));
        Assert.Equal(Sentence(Peft.Run(["train", .. given])), Sentence(dry));
        Assert.Equal(before, folder.Entries);
    }

    [Fact]
    public void Unfinished_And_Running_Runs_Are_Left_Alone()
    {
        Assert.Contains("leave out --resume", folder.TrainTo("new", "--dry-run", "--resume").Fails(2));
        Directory.CreateDirectory(folder.File_(".cut.run"));
        File.WriteAllText(folder.File_(".cut.run/work.json"), "{\"peftsharp_work\": 1}\n");
        var (cut, busy) =
            (Directory.CreateDirectory(folder.File_(".cut.run/checkpoint-3")), Directory.CreateDirectory(folder.File_(".busy.run")));
        using var held = new FileStream(Path.Combine(busy.FullName, "lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        var before = folder.Entries;
        foreach (var (name, expected) in new[] { ("cut", "cut off after step 3"), ("busy", "is being worked on by another run") })
        {
            var sentence = folder.TrainTo(name, "--dry-run").Fails(2);
            Assert.Contains(expected, sentence);
            Assert.Equal(folder.TrainTo(name).Fails(2), sentence);
        }
        folder.TrainTo("cut", "--dry-run", "--overwrite").Succeeds();
        Assert.Equal(before, folder.Entries);
        Assert.True(cut.Exists);
    }

    private Peft.Result Train(string name, params string[] more) => Peft.Run(
        [
            "train", "--base", folder.Model, "--data", folder.Train, "--eval-data", folder.Dev, "--compute", "fp32", "--out",
            folder.File_(name), "--quiet", .. more,
        ]);

    private static string Sentence(Peft.Result result) =>
        result.Error.Split('\n').Single(l => l.StartsWith("error: ", StringComparison.Ordinal));

    private (string, long, DateTime)[] Listing(string name) =>
        [
            .. new DirectoryInfo(folder.File_(name)).GetFiles()
                .OrderBy(f => f.Name, StringComparer.Ordinal)
                .Select(f => (f.Name, f.Length, f.LastWriteTimeUtc)),
        ];
}
