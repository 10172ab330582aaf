using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs.Recipes;

/// <summary>A setting is declared once: recipe, option, help and run.json have it from there.</summary>
public sealed class TrainKeyTests
{
    [Theory]
    [InlineData("seed", "Default: 42")]
    [InlineData("adam_epsilon", "Default: 1e-8")]
    [InlineData("warmup_ratio", "Default: 0.06")]
    [InlineData("num_train_epochs", "Default: 3")]
    [InlineData("lr_scheduler_type", "Default: linear")]
    [InlineData("max_length", "Default: 128")]
    [InlineData("learning_rate", "Default: 5e-4, or 2e-5 where the whole model is trained")]
    public void Help_Tells_The_Value_That_Settings_Start_With(string key, string end) => Assert.EndsWith(end, TrainKeys.Find(key)!.Help);

    [Fact]
    public void Switches_And_What_Is_Not_There_By_Default_Have_No_Default_In_Words() =>
        Assert.All(
            TrainKeys.All.Where(k => k.Value is null || k.Key is "base_model" or "rows" or "no_label"),
            k => Assert.DoesNotContain("Default:", k.Help));

    [Fact]
    public void Names_Are_Told_Apart()
    {
        Assert.Distinct(TrainKeys.Names);
        Assert.Distinct(TrainKeys.All.Select(k => k.Told).OfType<string>());
    }

    [Fact]
    public void What_Is_Set_Is_What_The_Report_Tells()
    {
        using var folder = new CliFolder();
        string[] given =
        [
            "seed=7", "weight_decay=0.25", "batch_order=shuffled", "warmup_steps=2", "adam_beta2=0.5", "gradient_accumulation_steps=2",
            "max_length=17", "base_dropout=false",
        ];
        var tuning = given.Aggregate(
            FineTuning.Of(folder.Model).On(folder.Train).Steps(2).Set("compute", "fp32"),
            (t, g) => t.Set(g.Split('=')[0], g.Split('=')[1]));
        using var run = tuning.Run(cancellation: TestContext.Current.CancellationToken);
        var settings = run.Report["settings"]!.AsObject();
        Assert.All(given, g => Assert.Equal(g.Split('=')[1], settings[g.Split('=')[0]]!.ToString()));
        Assert.Empty(TrainKeys.All.Select(k => k.Told).OfType<string>().Except(settings.Select(s => s.Key)));
        // Not asked for, and told as it turned out.
        Assert.Equal(
            ("lora", 5e-4, "pooler", "peft"),
            ((string?)settings["method"], (double)settings["learning_rate"]!, (string?)settings["pooling"], (string?)settings["format"]));
    }
}
