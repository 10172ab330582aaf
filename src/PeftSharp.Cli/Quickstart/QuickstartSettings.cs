using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli.Quickstart;

/// <summary>What a quickstart is told.</summary>
/// <param name="Out">Where the results go.</param>
/// <param name="Method">A method, an alias or a preset.</param>
/// <param name="Seed">Seed of everything random.</param>
/// <param name="MaxSteps">Steps in place of whole epochs; for tests.</param>
internal sealed record QuickstartSettings(string Out, string Method, ulong Seed, long? MaxSteps)
{
    // Chosen on 180 sentences set aside of train.tsv, never on test.tsv.
    private const int Rank = 8;
    private const double Alpha = 16, Rate = 1e-3, Epochs = 5;

    /// <summary>The run: LoRA with the settings that were chosen, any other method with its defaults.</summary>
    /// <exception cref="PeftException">There is no such method.</exception>
    public FineTuning Training
    {
        get
        {
            var isFull = MethodName.Options(Method).PeftType == "FULL";
            var run = FineTuning.For(new CommandLineCaller("quickstart")).Set("base_model", QuickstartFiles.Model).With(Method)
                .On(QuickstartFiles.Train).ScoreOn(QuickstartFiles.Test)
                .Set("pooling", "mean").MaxLength(64).Batch(32).Epochs(Epochs).Rate(isFull ? 1e-4 : Rate).Set("warmup_ratio", "0.1")
                .Seed(Seed).Set("base_dropout", "false");
            if (MaxSteps is { } steps) run = run.Steps((int)steps);
            return !string.Equals(Method, "lora", StringComparison.OrdinalIgnoreCase) ? run
                : run.SetMethod("r", $"{Rank}").SetMethod("lora_alpha", $"{Alpha:0}").SetMethod("target_modules", "all-linear");
        }
    }

    /// <summary>Everything that decides the result, as one text.</summary>
    public string Key =>
        FormattableString.Invariant($"1 {Method.ToLowerInvariant()} {Seed} {MaxSteps} r={Rank} alpha={Alpha} lr={Rate} epochs={Epochs}");
}
