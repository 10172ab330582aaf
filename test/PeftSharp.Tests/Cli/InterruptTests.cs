using System.Diagnostics;
using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>Ctrl-C and a polite kill.</summary>
public sealed class InterruptTests(CliFolder folder) : IClassFixture<CliFolder>
{
    [Fact]
    public void An_interrupted_run_leaves_an_adapter_that_works()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Signals are sent with kill.");
        using var process = Peft.Start(
            false, "train", "--base", folder.Model, "--method", "lora", "--data", folder.Train, "--out", folder.File_("run"), "--epochs",
            "100000", "--compute", "fp32");
        var error = process.StandardError;
        // The first line of progress: steps are being made.
        while (error.ReadLine() is { } line && !line.StartsWith("step ", StringComparison.Ordinal)) { }
        // SIGTERM goes the same way as Ctrl-C; a shell that starts the tests in the background makes them ignore SIGINT.
        Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();
        var result = Peft.Finish(process);
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("Interrupted after step", result.Error);
        Assert.True((bool)JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_("run"), "run.json")))!["interrupted"]!);
        Peft.Run("predict", "--base", folder.Model, "--adapter", folder.File_("run"), "--text", "a good film").Succeeds();
    }
}
