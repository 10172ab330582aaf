using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
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

    /// <summary>The method's settings: those chosen for LoRA, the defaults of any other.</summary>
    public MethodOptions Options
    {
        get
        {
            var options = MethodName.Options(Method);
            return options is LoraOptions lora && string.Equals(Method, LoraMethod.Info.Name, StringComparison.OrdinalIgnoreCase)
                ? lora with { Rank = Rank, Alpha = Alpha, TargetModules = new Targets("all-linear") }
                : options;
        }
    }

    /// <summary>The same as settings of <c>peft train</c>.</summary>
    public TrainSettings Training(MethodOptions options) => new()
    {
        Caller = new CommandLineCaller("quickstart"),
        Base = QuickstartFiles.Model,
        Method = Method,
        Data = QuickstartFiles.Train,
        EvalData = QuickstartFiles.Test,
        Out = Out,
        Pooling = "mean",
        MaxLength = 64,
        BatchSize = 32,
        Epochs = Epochs,
        MaxSteps = MaxSteps,
        LearningRate = options.PeftType == "FULL" ? 1e-4 : Rate,
        WarmupRatio = 0.1,
        Seed = Seed,
        BaseDropout = false,
    };

    /// <summary>Everything that decides the result, as one text.</summary>
    public string Key =>
        FormattableString.Invariant($"1 {Method.ToLowerInvariant()} {Seed} {MaxSteps} r={Rank} alpha={Alpha} lr={Rate} epochs={Epochs}");
}
