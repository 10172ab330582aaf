using System.Diagnostics;
using System.Text.Json.Nodes;
using PeftSharp.Cli;
using PeftSharp.Runs;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Tests.Cli;

public sealed class CompareTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private string Out => _folder.File_("compared");

    [Fact]
    public void Runs_each_cell_once_reports_failures_and_goes_on()
    {
        var plan = Plan("""
            learning_rate: 2e-2
            seeds: [1, 2]
            methods:
              lora: {grid: {r: [2, 4]}}
              wrong: {method: lora, target_modules: [nothing]}
            """);
        var first = Peft.Run("compare", plan, "--out", Out, "--json");
        Assert.Equal(1, first.ExitCode);
        var report = first.Json;
        Assert.Equal(["lora r=2", "lora r=4"], report["summary"]!.AsArray().Select(s => s!["method"]!.ToString()).Order());
        Assert.All(report["summary"]!.AsArray(), s =>
        {
            Assert.Equal(2, (int)s!["seeds"]!);
            Assert.InRange((double)s["score"]!, 0.5, 1);
            Assert.True((double)s["deviation"]! >= 0);
            Assert.True(
                (long)s["peak_memory_bytes"]! > 1 << 20 && (double)s["seconds"]! > 0 && (double)s["samples_per_second"]! > 0
                    && (double)s["evaluation_samples_per_second"]! > 0);
        });
        Assert.Equal([578, 1090], Trained(report)); // 2 layers × (query, value) × 64·r, and a head of 66
        var failed = report["cells"]!.AsArray().Where(c => c!["state"]!.ToString() == "failed").ToList();
        Assert.Equal(2, failed.Count);
        Assert.All(failed, c => Assert.Contains("nothing", c!["reason"]!.ToString()));
        Assert.Equal(6, File.ReadLines(Path.Combine(Out, "cells.csv")).Count() - 1);
        Assert.Equal(2, File.ReadLines(Path.Combine(Out, "summary.csv")).Count() - 1);

        // Nothing that finished runs again; another seed joins.
        var times = Runs();
        var again = Peft.Run("compare", plan, "--out", Out, "--methods", "lora", "--set", "r=2", "--seeds", "1", "--json");
        Assert.Equal(0, again.ExitCode);
        Assert.Equal(times.Count + 1, Runs().Count);
        Assert.All(times, t => Assert.Equal(t.Value, Runs()[t.Key]));
        var table = Peft.Run("compare", plan, "--out", Out).Output;
        Assert.Contains("2 failed", table);
        Assert.Matches(@"0\.[0-9]{4} ± 0\.[0-9]{4}", table);
        Assert.Equal(times.Count + 1, Runs().Count);

        int[] Trained(JsonNode json) => [.. json["summary"]!.AsArray().Select(s => (int)s!["trainable"]!).Order()];
        Dictionary<string, DateTime> Runs() =>
            Directory.GetFiles(Path.Combine(Out, "cells"), "run.json", SearchOption.AllDirectories)
                .ToDictionary(f => f, File.GetLastWriteTimeUtc);
    }

    [Fact]
    public void A_search_finds_a_rate_on_training_rows_and_a_budget_leaves_out()
    {
        var plan = Plan("""
            seeds: [1]
            learning_rates: [1e-6, 2e-2]
            search_rows: 40
            search_epochs: 30
            methods: [lora]
            """);
        var report = Peft.Run("compare", plan, "--out", Out, "--json").Succeeds().Json;
        Assert.Equal(0.02, (double)report["learning_rate_search"]!["found"]![0]!["learning_rate"]!);
        Assert.True((bool)report["learning_rate_search"]!["found"]![0]!["at_the_edge"]!);
        Assert.Equal(0.02, (double)report["summary"]![0]!["learning_rate"]!);
        var searched = report["cells"]!.AsArray().Where(c => (bool)c!["search"]!).ToList();
        Assert.Equal(2, searched.Count);
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(Out, searched[0]!["folder"]!.ToString(), "run.json")))!;
        Assert.Equal(_folder.Train, run["data"]!["eval"]!["source"]!.ToString());

        var spent = Peft.Run("compare", plan, "--out", Out, "--seeds", "1,2,3", "--budget", "0.00001", "--json").Succeeds();
        Assert.Equal(
            ["finished", "left out", "left out"],
            spent.Json["cells"]!.AsArray().Where(c => !(bool)c!["search"]!).Select(c => c!["state"]!.ToString()));
        Assert.Contains("left out", spent.Error);
    }

    [Fact]
    public void An_interrupted_comparison_goes_on_inside_the_cell()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Signals are sent with kill.");
        var plan = Plan("methods: [lora]\nnum_train_epochs: 100\nsave_steps: 5");
        using var process = Peft.Start(false, "compare", plan, "--out", Out);
        while (
            !process.HasExited
                && !(
                    Directory.Exists(Path.Combine(Out, "cells"))
                        && Directory.GetDirectories(Path.Combine(Out, "cells"), "checkpoint-*", SearchOption.AllDirectories).Length > 0))
            Thread.Sleep(20);
        Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();
        var result = Peft.Finish(process);
        Assert.True(result.ExitCode is 130 or 0, result.Error); // a run that had just ended is no interruption
        if (result.ExitCode == 130) Assert.Contains("the same command goes on with the 1 runs that are left", result.Error);
        var report = Peft.Run("compare", plan, "--out", Out, "--json").Succeeds().Json;
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(Out, report["cells"]![0]!["folder"]!.ToString(), "run.json")))!;
        Assert.Equal((long)run["total_steps"]!, (long)run["steps"]!);
        if (result.ExitCode == 130) Assert.NotEmpty(run["resumed_at"]!.AsArray());
    }

    [Theory]
    [InlineData("methods: [lora]\nlearning_rat: 1", "there is no key \"learning_rat\"")]
    [InlineData("methods: [lorra]", "there is no method \"lorra\"; did you mean")]
    [InlineData("methods: [lora]\nseeds: [1, 1]", "\"seeds\" needs one or more different numbers")]
    [InlineData("methods: [lora]\nseeds: [x]", "\"seeds\" holds \"x\"; expected whole numbers")]
    [InlineData("methods: [lora]\nlearning_rates: [1e-3]", "learning_rates needs two or more different numbers")]
    [InlineData("methods: [lora]\nlearning_rates: 1e-3", "learning_rates needs two or more different numbers")]
    [InlineData("methods: [lora]\nlearning_rates: [1e-3, 1e-2]\nsearch_rows: 19", "search_rows is 19; expected")]
    [InlineData("methods: [lora]\nlearning_rates: [1e-3, 1e-2]\nsearch_rows: 20.5", "search_rows is 20.5; expected")]
    [InlineData("methods: {lora: {grid: {r: 4}}}", "\"lora: r\" is no list of values to try")]
    [InlineData("methods: {lora: {r: 0}}", "SST with lora")]
    [InlineData("methods: [lora, lora]", "\"methods\" holds \"lora\" twice")]
    [InlineData("methods: []", "\"methods\" is empty")]
    [InlineData("seeds: [1]", "peft compare needs --methods NAMES")]
    [InlineData("methods: [lora]\nbudget_minutes: 0", "\"budget_minutes\" is 0; expected minutes above 0")]
    public void A_wrong_plan_is_refused_before_anything_runs(string lines, string expected)
    {
        Assert.Contains(expected, Peft.Run("compare", Plan(lines), "--out", Out).Fails(2));
        Assert.False(Directory.Exists(Path.Combine(Out, "cells")));
    }

    [Theory]
    [InlineData("1e-4,1e-3,1e-2")]
    [InlineData("[1e-4, 1e-3, 1e-2]")]
    public void Learning_rates_of_the_command_line_are_searched_over_the_usual_rows(string rates)
    {
        var result = Peft.Run(
            "compare", "--base", _folder.Model, "--data", _folder.Train, "--methods", "[lora, bitfit]", "--learning-rates", rates,
            "--seeds", "[1,2]", "--set", "split_shares=0.7,0.3", "max_steps=1", "compute=fp32", "--budget", "0.00001", "--out", Out,
            "--json")
            .Succeeds();
        var search = result.Json["learning_rate_search"]!;
        Assert.Equal([1e-4, 1e-3, 1e-2], search["rates"]!.AsArray().Select(r => (double)r!));
        Assert.Equal((2000, 1.0), ((int)search["rows"]!, (double)search["epochs"]!));
        Assert.Equal(4, result.Json["cells"]!.AsArray().Count(c => !(bool)c!["search"]!));
    }

    [Fact]
    public void A_search_of_the_command_line_finds_a_rate()
    {
        var result = Peft.Run(
            "compare", "--base", _folder.Model, "--data", _folder.Train, "--methods", "lora", "--learning-rates", "1e-6,2e-2", "--set",
            "split_shares=0.7,0.3", "num_train_epochs=1", "compute=fp32", "--out", Out, "--json")
            .Succeeds();
        Assert.True((double)result.Json["summary"]![0]!["learning_rate"]! is 1e-6 or 2e-2);
        Assert.Equal(2, result.Json["cells"]!.AsArray().Count(c => (bool)c!["search"]!));
    }

    [Fact]
    public void A_second_comparison_keeps_out_of_the_folder()
    {
        using var owner = FolderLock.TryTake(Directory.CreateDirectory(Out).FullName);
        Assert.Contains("in use by another comparison", Peft.Run("compare", Plan("methods: [lora]"), "--out", Out).Fails(1));
        File.WriteAllText(_folder.File_("file"), "");
        Assert.Contains("is a file", Peft.Run("compare", Plan("methods: [lora]"), "--out", _folder.File_("file")).Fails(2));
    }

    [Fact]
    public void Cells_differ_by_their_settings_and_methods_come_before_seeds()
    {
        var file = Plan("seeds: [1, 2]\nmethods: {a: {method: lora, r: 2}, b: {method: bitfit}}");
        var plan = CompareFile.Read(file);
        Assert.Equal(["a 1", "b 1", "a 2", "b 2"], plan.Cells().Select(c => $"{c.Method} {c.Seed}"));
        var other = CompareFile.Read(Plan("seeds: [1, 2]\nmethods: {a: {r: 4, method: lora}, b: {method: bitfit}}"));
        Assert.Equal(
            plan.Cells().Select(c => c.Id).Skip(1).Where((_, i) => i != 1),
            other.Cells().Select(c => c.Id).Skip(1).Where((_, i) => i != 1));
        Assert.NotEqual(plan.Cells().First().Id, other.Cells().First().Id);
    }

    [Theory]
    [InlineData("sst2.yaml", 7 * 3)]
    [InlineData("additive.yaml", 17)]
    [InlineData("partial.yaml", 17 * 2)]
    [InlineData("reparameterized.yaml", 15)]
    [InlineData("hybrid.yaml", 11 * 2 * 2)]
    [InlineData("low-data.yaml", 4 * 6 * 2)]
    public void The_plans_of_the_repository_are_read_and_would_start(string name, int cells)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "PeftSharp.slnx"))) folder = folder.Parent;
        Assert.SkipWhen(folder is null, "The repository's recipes are not above the test's folder.");
        var plan = CompareFile.Read(Path.Combine(folder.FullName, "recipes", "compare", name));
        Assert.Equal(cells, plan.Cells().Count());
        foreach (var cell in plan.Cells())
        {
            var file = _folder.File_($"{cell.Id}.yaml");
            File.WriteAllText(file, cell.Settings.ToJsonString());
            cell.Check(file, plan.Source, Caller.Program);
            Assert.True(cell.Settings.ContainsKey("learning_rate"), $"{name}, {cell.Title}: the rate is set beforehand.");
        }
    }

    [Fact]
    public void Means_and_deviations_are_those_of_a_sample()
    {
        CellResult Result(double score) => new("accuracy", true, score, 10, 1, 100, 1000, 2, 50, null, "fp32", "p", 1e-3);
        var cells = CompareFile.Read(Plan("seeds: [1, 2, 3]\nmethods: [lora, bitfit]")).Cells().ToList();
        double[] scores = [0.5, 0.9, 0.7, 0.9, 0.6, 0.9];
        var summaries = MethodSummary.Of(cells.Select((c, i) => (c, i == 5 ? null : Result(scores[i])))!);
        Assert.Equal(["bitfit", "lora"], summaries.Select(s => s.Method));
        Assert.Equal(0.6, summaries[1].Mean, 9);
        Assert.Equal(0.1, summaries[1].Deviation!.Value, 9);
        Assert.Equal((2, 3), (summaries[0].Results.Count, summaries[0].Planned));
    }

    public void Dispose() => _folder.Dispose();

    private string Plan(string lines)
    {
        var file = _folder.File_($"plan{Directory.GetFiles(_folder.Root, "plan*").Length}.yaml");
        File.WriteAllText(file, $"""
            base_model: {_folder.Model}
            datasets: {"{"}SST: {"{"}data: {_folder.Train}, eval_data: {_folder.Dev}{"}"}{"}"}
            compute: fp32
            {lines}{(lines.Contains("num_train_epochs", StringComparison.Ordinal) ? "" : "\nnum_train_epochs: 10")}

            """);
        return file;
    }
}
