using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Runs.Estimates.Shapes;

/// <summary>What a training run is to be, as far as its memory depends on it.</summary>
public sealed record ShapeEstimateOptions
{
    /// <summary>Rows of a pass through the model: 1 or more; default 16.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>
    /// Tokens a row: 1 or more, at most what the model takes; null (default) for those of a run that is not told: 128, or 512 where the
    /// model learns to write.
    /// </summary>
    public int? Length { get; init; }

    /// <summary>Padded tokens of a pass: a larger batch goes through in parts; 0 for no limit; default 512.</summary>
    public int TokensPerPass { get; init; } = TokenBatch.TokensPerPass;

    /// <summary>In which precision frozen weights are kept and multiplied; default float32.</summary>
    public ComputeType Compute { get; init; } = ComputeType.Float32;

    /// <summary>How frozen weights are quantised; null (default) for not at all.</summary>
    public Quantization? Quantize { get; init; }

    /// <summary>The optimizer by transformers' name; default <c>adamw_torch</c>.</summary>
    public string Optimizer { get; init; } = "adamw_torch";

    /// <summary>True recomputes each layer in the backward pass; default false.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>False switches the frozen base's own dropout off; default true.</summary>
    public bool BaseDropout { get; init; } = true;

    /// <summary>What the head answers; null (default) for what the configuration says, else what such models are for.</summary>
    public TaskKind? Task { get; init; }

    /// <summary>From the settings of a run; those that memory does not depend on are ignored.</summary>
    /// <param name="method">The method: full fine-tuning is computed in float32 unless told otherwise.</param>
    /// <param name="settings">Settings with their texts, as a recipe has them; null texts are defaults.</param>
    /// <param name="caller">Who asks, for the messages.</param>
    /// <exception cref="PeftException">A text is not understood.</exception>
    public static ShapeEstimateOptions Of(MethodOptions method, IEnumerable<KeyValuePair<TrainKey, string?>> settings, Caller caller)
    {
        var given = new TrainSettings { Caller = caller };
        foreach (var (key, text) in settings)
            if (text is not null) key.Apply(given, text, caller.Setting(key.Key));
        return new()
        {
            BatchSize = given.BatchSize,
            Length = given.MaxLength,
            TokensPerPass = given.TokensPerPass,
            Compute = ComputeModes.Choose(method.PeftType == "FULL" ? "fp32" : given.Compute, "cpu").Type,
            Quantize = given.Quantization,
            Optimizer = given.Optimizer,
            Checkpointing = given.Checkpointing,
            BaseDropout = given.BaseDropout,
        };
    }

    /// <summary>Refuses values out of range.</summary>
    /// <exception cref="PeftException">One is.</exception>
    internal void Validate(int most)
    {
        if (TokensPerPass < 0) throw new PeftException($"{TokensPerPass} tokens a pass were given to be estimated; expected 0 or more.");
        if (BatchSize is < 1 or > 1 << 20)
            throw new PeftException($"A batch of {BatchSize} rows was given to be estimated; expected 1 to {1 << 20}.");
        if (Length < 1 || Length > most)
            throw new PeftException(
                $"Rows of {Length} tokens were given to be estimated, and the model takes 1 to {most}; change the length.");
        if (!OptimizerKind.Names.Contains(Optimizer))
            throw new PeftException(
                $"The optimizer \"{Optimizer}\" was given to be estimated; expected one of {string.Join(", ", OptimizerKind.Names)}.");
    }
}
