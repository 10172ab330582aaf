using System.Diagnostics;
using System.Globalization;
using PeftSharp.Tests.Hub;

namespace PeftSharp.Tests.Cli;

/// <summary>
/// SIGKILL while a folder is written or replaced: the old one or the new one is there afterwards, whole, and nothing else.
/// </summary>
/// <remarks>PEFTSHARP_KILLS sets the number of kills a verb (2); bench/kill-test.sh runs 50.</remarks>
public sealed class MergeKillTests(CliFolder folder) : IClassFixture<CliFolder>, IDisposable
{
    private static readonly int Kills =
        int.TryParse(Environment.GetEnvironmentVariable("PEFTSHARP_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out var kills)
        ? kills
        : 2;

    private readonly LocalHub _hub = new();

    public void Dispose() => _hub.Dispose();

    [Theory]
    [InlineData("merge", "model.safetensors")]
    [InlineData("quantize", "model.safetensors")]
    [InlineData("extract", "adapter_model.safetensors")]
    [InlineData("pull", "model.safetensors")]
    public async Task Killed_at_random_moments_a_verb_leaves_the_old_folder_or_the_new(string verb, string weights)
    {
        if (!Directory.Exists(folder.File_("adapter"))) folder.TrainTo("adapter", "--max-steps", "1").Succeeds();
        _hub.Add("me/tiny", [.. Directory.GetFiles(folder.Model).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f)))]);
        var (name, target) = ($"{verb}-out", folder.File_($"{verb}-out"));
        string[] arguments = verb switch
        {
            "merge" => ["merge", "--adapter", folder.File_("adapter"), "--out", target, "--overwrite"],
            "quantize" => ["quantize", "--base", folder.Model, "--out", target, "--overwrite"],
            "extract" => ["extract", "--adapter", folder.File_("adapter"), "--rank", "2", "--out", target, "--overwrite"],
            _ => ["pull", "me/tiny", "--out", target, "--overwrite"],
        };
        var environment = new Dictionary<string, string?>
        {
            ["HF_ENDPOINT"] = _hub.Url,
            ["HF_HOME"] = folder.File_("home"),
            ["HF_TOKEN"] = null,
        };
        var watch = Stopwatch.StartNew();
        Peft.RunIn(environment, arguments).Succeeds();
        var length = watch.Elapsed;
        var expected = File.ReadAllBytes(Path.Combine(target, weights));
        var random = new Random();
        var left = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            using (var process = Peft.StartIn(environment, arguments))
            {
                process.WaitForExit(length * (0.3 + 0.8 * random.NextDouble()));
                process.Kill();
                await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            if (Directory.Exists(folder.File_($".{name}.run"))) left++;
            // On systems that cannot exchange two names, the next run restores the old folder.
            if (OperatingSystem.IsLinux()) Assert.True(File.ReadAllBytes(Path.Combine(target, weights)).AsSpan().SequenceEqual(expected));
        }
        Peft.RunIn(environment, arguments).Succeeds();
        Assert.True(File.ReadAllBytes(Path.Combine(target, weights)).AsSpan().SequenceEqual(expected));
        Assert.DoesNotContain(
            folder.Entries, e => e.StartsWith($".{name}", StringComparison.Ordinal) || e.StartsWith($"{name}.", StringComparison.Ordinal));
        TestContext.Current.TestOutputHelper?.WriteLine($"{verb}: {Kills} kills, {left} of them left something to mend.");
    }
}
