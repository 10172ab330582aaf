using PeftSharp.Training.Optimizers.Memory;

namespace PeftSharp.Training.Optimizers;

/// <summary>The optimizers by transformers' names.</summary>
internal static class OptimizerKind
{
    private static readonly Dictionary<string, string> Same = new()
    {
        ["adamw"] = "adamw_torch",
        ["adamw_torch_fused"] = "adamw_torch",
        ["adamw_bnb_8bit"] = "adamw_8bit",
        ["paged_adamw"] = "paged_adamw_32bit",
    };

    /// <summary>Every name, the default first.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["adamw_torch", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "sgd", .. Same.Keys];

    /// <summary>Bytes of state for each trained weight, not counting those on the disk.</summary>
    /// <remarks>The system takes the pages of a file back when it needs them.</remarks>
    public static double BytesPerWeight(TrainerOptions options) => IsPaged(options) ? 0 : BytesOfState(options);

    /// <summary>Bytes of state for each trained weight, wherever they are.</summary>
    public static double BytesOfState(TrainerOptions options) => Of(options) switch
    {
        "sgd" => options.Momentum > 0 ? 4 : 0,
        "adamw_8bit" or "paged_adamw_8bit" => 2 + 8.0 / BlockwiseAdamW.Block,
        _ => 8,
    };

    private static bool IsPaged(TrainerOptions options) => Of(options).StartsWith("paged", StringComparison.Ordinal);

    /// <summary>Makes the optimizer that the settings name.</summary>
    public static IOptimizer Create(IReadOnlyList<TrainableParameter> parameters, TrainerOptions o)
    {
        var kind = Of(o);
        if (kind == "sgd") return new Sgd(parameters, o.Momentum, o.WeightDecay);
        IStateMemory memory = IsPaged(o) ? new MappedMemory(o.StateFolder) : new WorkingMemory();
        return kind.EndsWith("8bit", StringComparison.Ordinal)
            ? new BlockwiseAdamW(parameters, o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay, memory)
            : new AdamW(parameters, o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay, memory);
    }

    private static string Of(TrainerOptions options) => Same.GetValueOrDefault(options.Optimizer, options.Optimizer);
}
