using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace PeftSharp.Tests.Cli;

/// <summary>SIGKILL at random moments, loading and saving included: whatever the moment, the run goes on to the same adapter.</summary>
/// <remarks>PEFTSHARP_KILLS sets the number of kills (6); bench/kill-test.sh runs 50.</remarks>
public sealed class KillTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private static readonly int Kills =
        int.TryParse(Environment.GetEnvironmentVariable("PEFTSHARP_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out var kills)
        ? kills
        : 6;

    [Fact]
    public async Task Killed_at_random_moments_a_run_ends_with_the_same_adapter()
    {
        var bench = new ResumeBench(folder);
        string[] steps = ["--max-steps", $"{20 * Kills}"];
        var watch = Stopwatch.StartNew();
        double start;
        using (var whole = bench.TrainUntilStep("whole", steps))
        {
            start = watch.Elapsed.TotalSeconds;
            Peft.Finish(whole).Succeeds();
        }
        var length = watch.Elapsed.TotalSeconds - start;

        var random = new Random();
        var (killed, whileSaving, beforeTraining, rounds) = (0, 0, 0, 0);
        for (var resume = false; ;)
        {
            var process = Peft.Start(
                false, resume ? ["train", "--resume", "--verbose", "--out", folder.File_("killed")] : bench.Arguments("killed", steps));
            var (error, training) = Watch(process);
            var output = process.StandardOutput.ReadToEndAsync();
            if (killed < Kills)
            {
                // Now and then while it loads; else while it trains, on average after as much as takes it through so many kills.
                var loading = random.Next(4) == 0;
                if (!loading) await Task.WhenAny(training, process.WaitForExitAsync(TestContext.Current.CancellationToken));
                process.WaitForExit(TimeSpan.FromSeconds(random.NextDouble() * (loading ? start : 2 * length / Kills)));
            }
            if (killed == Kills || process.HasExited)
            {
                Assert.True(process.WaitForExit(300_000), "The run did not end in five minutes.");
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
            resume = Directory.Exists(bench.Work("killed")) && File.Exists(Path.Combine(bench.Work("killed"), "recipe.yaml"))
                || File.Exists(Path.Combine(folder.File_("killed"), "run.json"));
            if (!resume || bench.Checkpoints("killed").Count == 0) beforeTraining++;
            else if (Directory.GetDirectories(bench.Work("killed"), ".checkpoint-*").Length > 0) whileSaving++;
        }
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{killed} kills ({beforeTraining} before the first checkpoint, {whileSaving} while a checkpoint was being written or "
            + $"deleted), {rounds} run(s) to the end, {watch.Elapsed.TotalSeconds:0} s: every adapter is the same.");
    }

    // What it says, in the end; and a task that is done when it makes steps.
    private static (Task<string> All, Task Training) Watch(Process process)
    {
        var training = new TaskCompletionSource();
        return (Task.Run(async () =>
        {
            var all = new StringBuilder();
            while (await process.StandardError.ReadLineAsync() is { } line)
            {
                all.AppendLine(line);
                if (line.StartsWith("step ", StringComparison.Ordinal)) training.TrySetResult();
            }
            training.TrySetResult();
            return all.ToString();
        }), training.Task);
    }
}
