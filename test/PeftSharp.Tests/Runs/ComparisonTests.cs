using PeftSharp.Runs;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs;

/// <summary>A comparison in C#: run after run in one process, kept, gone on with, and told.</summary>
public sealed class ComparisonTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private string Out => _folder.File_("compared");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private ComparisonPlan Plan(params string[] methods)
    {
        var plan = ComparisonPlan.Of(_folder.Model, [_folder.Train], methods);
        plan.Common["eval_data"] = _folder.Dev;
        plan.Common["compute"] = "fp32";
        plan.Common["max_steps"] = 4;
        return plan;
    }

    [Fact]
    public void Runs_Are_Run_Once_And_What_Fails_Is_Told()
    {
        var heard = new Heard();
        var plan = Plan("lora", "bitfit") with { Seeds = [1, 2] };
        var first = Comparison.Run(plan, Out, heard, Cancellation);
        Assert.Equal((0, 0, 0, false), (first.Failures, first.LeftOut, first.Open, first.Interrupted));
        Assert.Equal(["bitfit", "lora"], first.Summaries.Select(s => s.Method).Order());
        Assert.All(first.Summaries, s => Assert.Equal((2, 2), (s.Results.Count, s.Planned)));
        Assert.Equal(4 * 4, heard.Steps);
        Assert.Contains(heard.Remarks, r => r.StartsWith("[4/4]", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(Out, "summary.csv")));
        // Again with another method that cannot be run: the others stand.
        var again = Comparison.Run(
            plan with { Methods = [.. plan.Methods, new("wrong", new() { ["method"] = "lora", ["target_modules"] = "nothing" })] }, Out,
            heard, Cancellation);
        Assert.Equal((2, 0), (again.Failures, again.Open));
        Assert.Equal(4 * 4, heard.Steps);
        Assert.Contains("nothing", again.Report["cells"]!.AsArray().First(c => (string?)c!["state"] == "failed")!["reason"]!.ToString());
    }

    [Fact]
    public void A_Comparison_That_Was_Cut_Off_Goes_On_With_The_Run_That_It_Was_In()
    {
        using var source = new CancellationTokenSource();
        var plan = Plan("lora", "bitfit");
        plan.Common["save_steps"] = 1;
        var cut = Comparison.Run(plan, Out, new Heard { After = 6, Cut = source }, source.Token);
        Assert.Equal((true, 1), (cut.Interrupted, cut.Open));
        var heard = new Heard();
        var whole = Comparison.Run(plan, Out, heard, Cancellation);
        Assert.Equal((false, 0, 0), (whole.Interrupted, whole.Open, whole.Failures));
        Assert.Equal(2, heard.Steps); // the last two of eight
    }

    [Fact]
    public void Plans_That_Say_Too_Little_Or_One_Thing_Twice_Are_Refused()
    {
        string Refused(ComparisonPlan plan) =>
            Assert.Throws<SettingsException>(() => Comparison.Run(plan, Out, cancellation: Cancellation)).Message;
        Assert.Contains("\"methods\" is empty", Refused(Plan()));
        Assert.Contains("\"methods\" holds \"lora\" twice", Refused(Plan("lora", "lora")));
        Assert.Contains("\"seeds\" needs one or more different numbers", Refused(Plan("lora") with { Seeds = [1, 1] }));
        Assert.Contains("\"datasets\" is empty", Refused(Plan("lora") with { Datasets = [] }));
        Assert.Contains("no method \"lara\"", Refused(Plan("lara")));
        var mine = Directory.CreateDirectory(_folder.File_("mine")).FullName;
        File.WriteAllText(Path.Combine(mine, "mine.txt"), "");
        Assert.Contains(
            "no comparison wrote",
            Assert.Throws<OutputRefusedException>(() => Comparison.Run(Plan("lora"), mine, cancellation: Cancellation)).Message);
    }

    public void Dispose() => _folder.Dispose();

    private sealed class Heard : RunObserver
    {
        public int Steps { get; private set; }

        public int After { get; init; }

        public CancellationTokenSource? Cut { get; init; }

        public List<string> Remarks { get; } = [];

        public override void Remark(string sentence) => Remarks.Add(sentence);

        public override void StepCompleted(PeftSharp.Training.StepReport step)
        {
            if (++Steps == After) Cut?.Cancel();
        }
    }
}
