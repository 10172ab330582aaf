using System.Text.Json.Nodes;
using PeftSharp.Runs;
using PeftSharp.Runs.Autotuning;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs.Autotuning;

/// <summary>Searches in C# and on the command line: they end with a recipe, go on where they were, and refuse what cannot be.</summary>
public sealed class AutotuneTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private string Out => _folder.File_("search");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private AutotunePlan Plan(AutotuneStrategy strategy, string space = "seq_bn=0,4 par_bn=0,4 lora=0,2") => new()
    {
        Common = new()
        {
            ["base_model"] = _folder.Model,
            ["data"] = _folder.Train,
            ["compute"] = "fp32",
            ["learning_rate"] = 1e-2,
        },
        Space = SearchSpace.Parse(space),
        Strategy = strategy,
        Rows = 40,
        Epochs = 1,
        Trials = 3,
    };

    [Theory]
    [InlineData(AutotuneStrategy.Halving, 3 + 1 + 1)]
    [InlineData(AutotuneStrategy.Bayes, 4)]
    public void A_Search_Ends_With_A_Recipe_That_Trains_And_Is_Not_Done_Twice(AutotuneStrategy strategy, int runs)
    {
        var plan = Plan(strategy) with { Trials = strategy == AutotuneStrategy.Halving ? 3 : 4 };
        var heard = new Heard();
        var search = Autotune.Run(plan, Out, heard, Cancellation);
        Assert.False(search.Interrupted);
        Assert.Empty(search.Failures);
        Assert.Equal(runs, search.Trials.Count);
        Assert.NotEmpty(search.Front);
        var longest = search.Trials.Max(t => t.Epochs);
        Assert.All(search.Front, t => Assert.Equal(longest, t.Epochs));
        foreach (var (one, two) in search.Front.Zip(search.Front.Skip(1)))
            Assert.True(one.Weights < two.Weights && one.Score < two.Score, "The front rises in weights and score.");
        Assert.Equal(search.Front.Max(t => t.Score), search.Best!.Score);
        Assert.Equal(runs, File.ReadAllLines(Path.Combine(Out, "trials.csv")).Length - 1);
        Assert.Equal(search.Front.Count, Directory.GetFiles(Path.Combine(Out, "front")).Length);
        // Trials are scored on training rows set apart, never on others.
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(Out, search.Trials[0].Folder, "run.json")))!;
        Assert.Equal(_folder.Train, run["data"]!["eval"]!["source"]!.ToString());

        var steps = heard.Steps;
        var again = Autotune.Run(plan, Out, heard, Cancellation);
        Assert.Equal(steps, heard.Steps);
        Assert.Equal(search.Report["front"]!.ToJsonString(), again.Report["front"]!.ToJsonString());

        using var found = Recipe.Load(search.RecipeFile!).Set("max_steps", "2").Run(cancellation: Cancellation);
        Assert.Equal(search.Best.Weights, found.Adapter.TrainedWeights - found.Adapter.HeadWeights);
    }

    [Fact]
    public void A_Search_That_Was_Cut_Off_Goes_On()
    {
        using var source = new CancellationTokenSource();
        var plan = Plan(AutotuneStrategy.Bayes, "lora=1,2,4 layers=all");
        plan.Common["save_steps"] = 1;
        var cut = Autotune.Run(plan, Out, new Heard { After = 4, Cut = source }, source.Token);
        Assert.True(cut.Interrupted);
        var whole = Autotune.Run(plan, Out, null, Cancellation);
        Assert.Equal((false, 3), (whole.Interrupted, whole.Trials.Count));
        var straight = Autotune.Run(plan, _folder.File_("straight"), null, Cancellation);
        Assert.Equal(straight.Trials.Select(t => (t.Description, t.Score)), whole.Trials.Select(t => (t.Description, t.Score)));
    }

    [Fact]
    public void Within_A_Budget_Brackets_Follow_Until_The_Space_Is_Spent_And_What_Fails_Ends_A_Search()
    {
        var plan = Plan(AutotuneStrategy.Halving, "lora=1,2 layers=all") with { Trials = null, Budget = 30 };
        Assert.Equal(2 + 1 + 1, Autotune.Run(plan, Out, null, Cancellation).Trials.Count);
        var wrong = plan with { Space = SearchSpace.Parse("lora=1,2,4 layers=all"), Common = (JsonObject)plan.Common.DeepClone() };
        wrong.Common["label_column"] = "nowhere";
        Assert.Contains(
            "every trial failed, the first with",
            Assert.ThrowsAny<PeftException>(() => Autotune.Run(wrong, _folder.File_("wrong"), null, Cancellation)).Message);
    }

    [Fact]
    public void A_Bound_On_Weights_Holds()
    {
        var search = Autotune.Run(Plan(AutotuneStrategy.Bayes) with { MaxWeights = 600 }, Out, null, Cancellation);
        Assert.All(search.Trials, t => Assert.True(t.Weights <= 600));
        Assert.Contains(
            "at most 3 weights",
            Assert.Throws<SettingsException>(() => Autotune.Run(Plan(AutotuneStrategy.Bayes) with { MaxWeights = 3 }, Out)).Message);
    }

    [Fact]
    public void What_Cannot_Be_Carried_Out_Is_One_Sentence()
    {
        string Refused(AutotunePlan plan) =>
            Assert.ThrowsAny<PeftException>(() => Autotune.Run(plan, Out, cancellation: Cancellation)).Message;
        var plan = Plan(AutotuneStrategy.Halving);
        Assert.Contains("\"budget_minutes\" is 0", Refused(plan with { Budget = 0 }));
        Assert.Contains("minutes are too few for one trial", Refused(plan with { Budget = 1e-7 }));
        Assert.Contains("\"trials\" is 0", Refused(plan with { Trials = 0 }));
        Assert.Contains("\"search_rows\" is 5", Refused(plan with { Rows = 5 }));
        Assert.Contains("give max_weights", Refused(plan with { Strategy = AutotuneStrategy.S3Delta }));
        Assert.Contains("data is missing", Refused(plan with { Common = new() { ["base_model"] = _folder.Model } }));
        Assert.Contains("base_model is missing", Refused(plan with { Common = [] }));
        Assert.Contains("\"method\" is what the search chooses", Refused(plan with { Common = new() { ["method"] = "lora" } }));
        var wrong = (JsonObject)plan.Common.DeepClone();
        wrong["learning_rat"] = 1;
        Assert.Contains("learning_rat", Refused(plan with { Common = wrong }));
    }

    [Fact]
    public void A_Plan_Is_Read_And_The_Command_Line_Wins_Over_It()
    {
        var file = _folder.File_("plan.yaml");
        File.WriteAllText(file, $"""
            base_model: {_folder.Model}
            data: {_folder.Train}
            compute: fp32
            learning_rate: 1e-2
            strategy: bayes
            trials: 2
            search_rows: 40
            search_epochs: 1
            seed: 7
            space:
              seq_bn: {"{"}sizes: [4, 8], non_linearity: gelu{"}"}
              layers: all
            """);
        var result = Peft.Run("autotune", file, "--trials", "1", "--out", Out, "--json").Succeeds();
        Assert.Single(result.Json["trials"]!.AsArray());
        Assert.Equal("gelu", result.Json["trials"]![0]!["settings"]!["non_linearity"]!.ToString());
        Assert.True(File.Exists(Path.Combine(Out, "front.png")));
        Peft.Run("train", "--recipe", Path.Combine(Out, "best.yaml"), "--max-steps", "1", "--out", _folder.File_("found")).Succeeds();
        File.WriteAllText(file, "strategy: luck");
        Assert.Contains("\"luck\"; expected halving, bayes or s3delta", Peft.Run("autotune", file, "--out", Out).Fails(2));
        File.WriteAllText(file, "space: [lora]");
        Assert.Contains("\"space\" is a list", Peft.Run("autotune", file, "--out", Out).Fails(2));
    }

    [Fact]
    public void The_Plan_Of_The_Repository_Is_Read()
    {
        var plan = AutotunePlan.Load(TestPaths.RequireRepository("recipes", "search", "mrpc.yaml"));
        plan.Validate();
        Assert.Equal((AutotuneStrategy.Halving, 1000, 20.0), (plan.Strategy, plan.Rows, plan.Budget));
    }

    [Theory]
    [InlineData(0.8, 0.6, 0.8, 0.7, true)]
    [InlineData(0.8, 50, 0.8, 60, true)]
    [InlineData(0.8, 0.6, 0.801, 900, false)]
    [InlineData(0.8, 0.6, 0.8, double.NaN, false)]
    public void Equal_Scores_Are_Told_Apart_By_Their_Loss(double score, double loss, double other, double otherLoss, bool better)
    {
        static TunedTrial Trial(double score, double loss) => new(1, "", [], 1, 1, "f1", true, score, 1, "") { Loss = loss };
        Assert.Equal(better, Trial(score, loss).Promise > Trial(other, otherLoss).Promise);
    }

    [Theory]
    [InlineData(0.333, "too small for one whole trial of 3 epochs; the scores are of 0.33.")]
    [InlineData(3, null)]
    public void Trials_That_Were_Cut_Short_Are_Said(double epochs, string? said)
    {
        TunedTrial trial = new(1, "", [], 1, epochs, "f1", true, 0.8, 1, "");
        var report = new AutotuneReport(new AutotunePlan(), Out, Caller.Program) { Trials = [trial] };
        var found = new Autotune(report, Out, interrupted: false).Shortfall;
        if (said is null) Assert.Null(found);
        else Assert.Contains(said, found);
        Assert.Null(new Autotune(report, Out, interrupted: true).Shortfall);
    }

    public void Dispose() => _folder.Dispose();

    private sealed class Heard : RunObserver
    {
        public int Steps { get; private set; }

        public int After { get; init; }

        public CancellationTokenSource? Cut { get; init; }

        public override void StepCompleted(PeftSharp.Training.StepReport step)
        {
            if (++Steps == After) Cut?.Cancel();
        }
    }
}
