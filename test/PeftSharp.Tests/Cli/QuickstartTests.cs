namespace PeftSharp.Tests.Cli;

public sealed class QuickstartTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheProgramTrainsOnWhatItBringsAlongAndDoesNotRepeatAFinishedRun()
    {
        var target = _folder.File_("first");
        var first = Run(target).Succeeds().Json;

        Assert.False((bool)first["reused"]!);
        Assert.Equal(3, (int)first["steps"]!);
        Assert.Equal(900, (int)first["train_sentences"]!);
        Assert.Equal(300, (int)first["test_sentences"]!);
        Assert.InRange((double)first["accuracy"]!["untrained"]!, 0, 0.3);
        Assert.InRange((double)first["accuracy"]!["head_only"]!, 0.7, 1);
        Assert.Equal(5, first["answers"]!.AsArray().Count);
        Assert.Equal(300, (int)first["merge"]!["equal_answers"]!);
        Assert.InRange((double)first["merge"]!["largest_difference"]!, 0, 1e-3);
        foreach (var file in (string[])["run.json", "confusion.png", "loss.png", "adapter/adapter_config.json",
            "adapter/adapter_model.safetensors", "adapter/run.json"])
            Assert.True(File.Exists(Path.Combine(target, file)), file);
        // nothing half-written beside it
        Assert.DoesNotContain(Directory.GetFileSystemEntries(_folder.Root), entry => entry.EndsWith(".tmp", StringComparison.Ordinal));

        var written = File.GetLastWriteTimeUtc(Path.Combine(target, "run.json"));
        var second = Run(target).Succeeds();
        Assert.True((bool)second.Json["reused"]!);
        Assert.Contains("done before", second.Error, StringComparison.Ordinal);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(target, "run.json")));
        Assert.Equal((double)first["accuracy"]!["trained"]!, (double)second.Json["accuracy"]!["trained"]!);

        var shown = Peft.Run("quickstart", "--out", target, "--max-steps", "3").Succeeds().Output;
        Assert.Contains("trainable params:", shown, StringComparison.Ordinal);
        Assert.Contains("300 of 300 answers are the same", shown, StringComparison.Ordinal);
        Assert.Equal(
            3, shown.Split('\n').SkipWhile(l => l.Trim() != "Next:").Skip(1).Count(l => l.Contains(" --base ", StringComparison.Ordinal)));
    }

    [Fact]
    public void AFolderOfSomethingElseIsLeftAlone()
    {
        var mine = _folder.File_("mine");
        Directory.CreateDirectory(mine);
        File.WriteAllText(Path.Combine(mine, "run.json"), "{}");
        var line = Peft.Run("quickstart", "--out", mine).Fails(2);
        Assert.Contains("choose another folder", line, StringComparison.Ordinal);
        Assert.Equal("{}", File.ReadAllText(Path.Combine(mine, "run.json")));
    }

    [Fact]
    public void AnUnknownMethodIsRefusedAtOnce() =>
        Assert.Contains(
            "did you mean \"lora\"", Peft.Run("quickstart", "--out", _folder.File_("x"), "--method", "lroa").Fails(2),
            StringComparison.Ordinal);

    private static Peft.Result Run(string target) => Peft.Run("quickstart", "--out", target, "--max-steps", "3", "--json");
}
