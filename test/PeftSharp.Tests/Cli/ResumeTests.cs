using System.Diagnostics;
using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>Runs that were cut off and go on, with the real program.</summary>
public sealed class ResumeTests(ResumeTests.Whole whole) : IClassFixture<ResumeTests.Whole>
{
    private readonly ResumeBench _bench = whole.Bench;

    [Fact]
    public void An_interrupted_run_goes_on_from_the_folder_alone_to_the_same_adapter()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        var stopped = _bench.TrainUntilStep("stopped", "--save-strategy", "auto");
        Process.Start("kill", ["-TERM", $"{stopped.Id}"]).WaitForExit();
        var first = Peft.Finish(stopped);
        Assert.Equal(130, first.ExitCode);
        Assert.Contains($"go on with: peft train --resume --out {whole.Folder.File_("stopped")}", first.Error);
        Assert.True(_bench.Run("stopped")["interrupted"]!.GetValue<bool>());
        var at = _bench.Run("stopped")["steps"]!.GetValue<int>();

        Assert.Contains("go on with --resume, or start it anew with --overwrite", _bench.Train("stopped").Fails(2));
        var second = _bench.Resume("stopped").Succeeds();
        Assert.Contains($"Going on after step {at} of {ResumeBench.Steps}.", second.Error);
        _bench.AssertSame("whole", "stopped");
        Assert.Equal([at], _bench.Run("stopped")["resumed_at"]!.AsArray().Select(s => s!.GetValue<int>()));
        Assert.Contains("has come to its end", _bench.Resume("stopped").Succeeds().Error);
    }

    [Fact]
    public void A_checkpoint_of_other_settings_or_data_is_refused_by_name_and_stays()
    {
        _bench.Cut("other");
        var files = _bench.WorkFiles("other");
        foreach (var (change, expected) in new (string[], string)[]
        {
            (["--seed", "7"], "with seed 42, but this run has 7;"),
            (["--set", "lora_dropout=0.2"], "with lora_dropout 0.1, but this run has 0.2;"),
            (["--data", whole.Folder.Dev], "with training data 64 rows"),
        })
        {
            var result = Peft.Run(["train", "--resume", "--out", whole.Folder.File_("other"), .. change]);
            Assert.Equal(1, result.ExitCode);
            Assert.Contains(expected, result.Error);
            Assert.Single(result.Error.Split('\n'), l => l.StartsWith("error: ", StringComparison.Ordinal));
            Assert.Equal(files, _bench.WorkFiles("other"));
        }
    }

    [Fact]
    public void A_damaged_checkpoint_is_skipped_with_a_remark_and_none_left_is_told()
    {
        _bench.Cut("damaged");
        var steps = _bench.Checkpoints("damaged");
        Assert.Equal(2, steps.Count);
        var tensors = Path.Combine(_bench.Work("damaged"), $"checkpoint-{steps[0]}", "trainer_state.safetensors");
        var bytes = File.ReadAllBytes(tensors);
        File.WriteAllBytes(tensors, bytes[..^8]);
        Directory.CreateDirectory(Path.Combine(_bench.Work("damaged"), ".checkpoint-999.x.tmp"));
        var older = Path.Combine(_bench.Work("damaged"), $"checkpoint-{steps[1]}", "trainer_state.json");
        var json = File.ReadAllBytes(older);
        File.WriteAllBytes(older, []);
        var refused = _bench.Resume("damaged");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"No checkpoint in {_bench.Work("damaged")} can be used: checkpoint-{steps[0]} is damaged", refused.Error);
        File.WriteAllBytes(older, json);
        var result = _bench.Resume("damaged").Succeeds();
        Assert.Contains(
            $"checkpoint-{steps[0]} is damaged (trainer_state.safetensors has {bytes.Length - 8} bytes, but {bytes.Length} were written), "
            + $"so it is skipped; checkpoint-{steps[1]} is used.",
            result.Error);
        _bench.AssertSame("whole", "damaged");
    }

    [Fact]
    public void A_second_process_on_the_same_folder_is_refused_and_a_dead_one_is_not_waited_for()
    {
        using var first = _bench.TrainUntilStep("held", "--epochs", "100000");
        try
        {
            Assert.Contains($"is being worked on by another run (process {first.Id})", _bench.Train("held", "--overwrite").Fails(2));
            Assert.Contains("is being worked on by another run", _bench.Resume("held").Fails(2));
        }
        finally
        {
            first.Kill();
            first.WaitForExit();
        }
        _bench.Train("held", "--overwrite").Succeeds();
        Assert.False(Directory.Exists(_bench.Work("held")));
    }

    [Fact]
    public void A_full_disk_costs_checkpoints_and_the_result_but_never_what_was_saved()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The size of files is limited with the shell's ulimit.");
        _bench.Cut("full");
        var saved = _bench.Checkpoints("full");
        // Files of more than 12 KB cannot be written: neither a checkpoint nor the picture of the curve.
        using var process = Process.Start(
            new ProcessStartInfo(
                "bash",
                [
                    "-c", "trap '' XFSZ; ulimit -f 12; exec dotnet \"$@\"", "bash", Path.Combine(AppContext.BaseDirectory, "peft.dll"),
                    "train", "--resume", "--out", whole.Folder.File_("full"),
                ])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                Environment = { ["DOTNET_EnableWriteXorExecute"] = "0" },
            })!;
        var result = Peft.Finish(process);
        Assert.Equal(1, result.ExitCode);
        Assert.Single(
            result.Error.Split('\n'),
            l =>
                l.StartsWith("warning: The checkpoint of step", StringComparison.Ordinal)
                    && l.EndsWith(
                        "training goes on, earlier checkpoints are kept, and the next one is tried when it is due.",
                        StringComparison.Ordinal));
        Assert.Single(
            result.Error.Split('\n'),
            l =>
                l.StartsWith($"error: The result could not be written to {whole.Folder.File_("full")} (", StringComparison.Ordinal)
                    && l.EndsWith(
                        $"go on from step {saved[0]} with: peft train --resume --out {whole.Folder.File_("full")}",
                        StringComparison.Ordinal));
        Assert.Contains($"step {ResumeBench.Steps}/{ResumeBench.Steps}", result.Error);
        Assert.Equal(saved, _bench.Checkpoints("full"));
        Assert.False(Directory.Exists(whole.Folder.File_("full")));
        Assert.DoesNotContain(
            Directory.GetFileSystemEntries(_bench.Work("full")),
            e => e.EndsWith(".tmp", StringComparison.Ordinal) || Path.GetFileName(e) == "output");
        _bench.Resume("full").Succeeds();
        _bench.AssertSame("whole", "full");
    }

    [Fact]
    public void Places_that_cannot_be_written_and_runs_that_are_not_there_are_told()
    {
        var file = whole.Folder.File_("file");
        File.WriteAllText(file, "mine");
        var error = _bench.Train("file/below").Fails(1);
        Assert.Contains("cannot be worked on: the folder", error);
        var before = whole.Folder.Entries;
        Assert.Contains("there is no run to go on with", Peft.Run("train", "--resume", "--out", whole.Folder.File_("nothing")).Fails(2));
        Assert.Contains(
            "--save-strategy is \"often\"; expected auto, steps, epoch, no", _bench.Train("x", "--save-strategy", "often").Fails(2));
        Assert.Equal(before, whole.Folder.Entries);
    }

    [Fact]
    public void With_all_settings_given_resume_starts_a_run_that_is_not_there_yet()
    {
        Assert.Contains("There is no checkpoint yet", _bench.Train("new", "--resume", "--max-steps", "2").Succeeds().Error);
        Assert.Equal(2, _bench.Run("new")["steps"]!.GetValue<int>());
    }

    /// <summary>The run that was never cut off.</summary>
    public sealed class Whole : IDisposable
    {
        public Whole()
        {
            Bench = new(Folder);
            Bench.Train("whole").Succeeds();
        }

        public CliFolder Folder { get; } = new();

        internal ResumeBench Bench { get; }

        public void Dispose() => Folder.Dispose();
    }
}
