using System.Diagnostics;
using System.Globalization;

namespace PeftSharp.Tests.Cli;

/// <summary>SIGKILL at random moments, loading and saving included: whatever the moment, the run goes on to the same adapter.</summary>
/// <remarks>PEFTSHARP_KILLS sets the number of kills (6); bench/kill-test.sh runs 50.</remarks>
public sealed class KillTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private static readonly int Kills = int.TryParse(Environment.GetEnvironmentVariable("PEFTSHARP_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out var kills) ? kills : 6;

    [Fact]
    public async Task Killed_at_random_moments_a_run_ends_with_the_same_adapter()
    {
        var bench = new ResumeBench(folder);
        string[] length = ["--max-steps", $"{40 * Kills}"];
        var watch = Stopwatch.StartNew();
        double start;
        using (var whole = bench.TrainUntilStep("whole", length))
        {
            start = watch.Elapsed.TotalSeconds;
            Peft.Finish(whole).Succeeds();
        }
        var training = watch.Elapsed.TotalSeconds - start;

        var random = new Random();
        var (killed, whileSaving, beforeTraining, rounds) = (0, 0, 0, 0);
        for (var resume = false; ;)
        {
            var process = Peft.Start(false, resume ? ["train", "--resume", "--out", folder.File_("killed")] : bench.Arguments("killed", length));
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEndAsync();
            // Now and then while it loads; else while it trains, and on average by as much further as it takes to be killed so often.
            var wait = random.Next(4) == 0 ? random.NextDouble() * start : 0.9 * start + random.NextDouble() * 2 * training / Kills;
            if (killed == Kills || process.WaitForExit(TimeSpan.FromSeconds(wait)))
            {
                Assert.True(process.WaitForExit(120_000), "The run did not end in two minutes.");
                Assert.True(process.ExitCode == 0, await error);
                bench.AssertSame("whole", "killed");
                rounds++;
                if (killed == Kills) break;
                Directory.Delete(folder.File_("killed"), recursive: true);
                resume = false;
                continue;
            }
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.DoesNotContain("damaged", await error);
            killed++;
            resume = Directory.Exists(bench.Work("killed")) && File.Exists(Path.Combine(bench.Work("killed"), "recipe.yaml")) || File.Exists(Path.Combine(folder.File_("killed"), "run.json"));
            if (!resume || bench.Checkpoints("killed").Count == 0) beforeTraining++;
            else if (Directory.GetDirectories(bench.Work("killed"), ".checkpoint-*").Length > 0) whileSaving++;
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{killed} kills ({beforeTraining} before the first checkpoint, {whileSaving} while a checkpoint was being written or deleted), {rounds} run(s) to the end, {watch.Elapsed.TotalSeconds:0} s: every adapter is the same.");
    }
}
