using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>Settings of AdaLoRA (Zhang et al. 2023, arXiv 2303.10512).</summary>
public sealed record AdaLoraOptions : ExcludingOptions
{
    private const string Unsupported = "null: this variant is not supported";

    /// <inheritdoc/>
    public override string PeftType => "ADALORA";

    /// <summary>Rank of every map at the start; from 1 to 65536; default 12.</summary>
    [JsonPropertyName("init_r")]
    public int InitialRank { get; init; } = 12;

    /// <summary>Mean rank of the maps at the end; from 1 to <see cref="InitialRank"/>; default 8.</summary>
    [JsonPropertyName("target_r")]
    public int TargetRank { get; init; } = 8;

    /// <summary>Scale of the update, which is divided by the initial rank; above 0; default 8.</summary>
    [JsonPropertyName("lora_alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 8;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("lora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>Steps at the beginning in which no rank is taken away; 0 or more; default 0.</summary>
    [JsonPropertyName("tinit")]
    public long WarmUp { get; init; }

    /// <summary>Steps at the end in which the ranks stay as they are; 0 or more; default 0.</summary>
    [JsonPropertyName("tfinal")]
    public long Final { get; init; }

    /// <summary>Steps from one allocation to the next; 1 or more; default 1.</summary>
    [JsonPropertyName("deltaT")]
    public long Interval { get; init; } = 1;

    /// <summary>How much of a weight's smoothed importance stays from step to step; 0 &lt; β &lt; 1; default 0.85.</summary>
    [JsonPropertyName("beta1")]
    [JsonConverter(typeof(FloatConverter))]
    public double Beta1 { get; init; } = 0.85;

    /// <summary>The same of its uncertainty; 0 &lt; β &lt; 1; default 0.85.</summary>
    [JsonPropertyName("beta2")]
    [JsonConverter(typeof(FloatConverter))]
    public double Beta2 { get; init; } = 0.85;

    /// <summary>Weight of the term that keeps the factors orthogonal; 0 or more; default 0.5.</summary>
    [JsonPropertyName("orth_reg_weight")]
    [JsonConverter(typeof(FloatConverter))]
    public double OrthogonalityWeight { get; init; } = 0.5;

    /// <summary>Optimizer steps of the whole training, which the schedule counts on; null (default): as many as the run takes.</summary>
    [JsonPropertyName("total_step")]
    public long? TotalSteps { get; init; }

    /// <summary>Which of the initial ranks are left, by module and <c>lora_E</c>; null before the last allocation.</summary>
    [JsonPropertyName("rank_pattern")]
    public IReadOnlyDictionary<string, IReadOnlyList<bool>>? RankPattern { get; init; }

    /// <summary>Which biases are trained: <c>none</c>.</summary>
    [JsonPropertyName("bias")]
    public string Bias { get; init; } = "none";

    /// <summary>True (default) starts as the base; false starts from random factors.</summary>
    [JsonPropertyName("init_lora_weights")]
    public bool InitWeights { get; init; } = true;

    /// <summary>peft's marker of transposed weights; the models here keep them as [out, in].</summary>
    [JsonPropertyName("fan_in_fan_out")]
    public bool FanInFanOut { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (InitialRank is < 1 or > 1 << 16) throw Bad("init_r", InitialRank, "a whole number from 1 to 65536");
        if (TargetRank < 1 || TargetRank > InitialRank)
            throw Bad("target_r", TargetRank, $"a whole number from 1 to \"init_r\" ({InitialRank})");
        if (Alpha is not (> 0 and <= 1e6)) throw Bad("lora_alpha", Alpha, "a number above 0, up to 1000000");
        if (Dropout is not (>= 0 and < 1)) throw Bad("lora_dropout", Dropout, "a probability from 0 to less than 1");
        if (WarmUp < 0) throw Bad("tinit", WarmUp, "a whole number of 0 or more");
        if (Final < 0) throw Bad("tfinal", Final, "a whole number of 0 or more");
        if (Interval < 1) throw Bad("deltaT", Interval, "a whole number of 1 or more");
        if (Beta1 is not (> 0 and < 1)) throw Bad("beta1", Beta1, "a number between 0 and 1");
        if (Beta2 is not (> 0 and < 1)) throw Bad("beta2", Beta2, "a number between 0 and 1");
        if (OrthogonalityWeight is not (>= 0 and <= 1e6)) throw Bad("orth_reg_weight", OrthogonalityWeight, "a number from 0 to 1000000");
        if (Bias != "none") throw Bad("bias", $"\"{Bias}\"", "\"none\": biases are not trained with this method");
        if (TotalSteps is { } total) ValidateSchedule(total);
        ValidateTargets();
        foreach (var (name, kept) in RankPattern ?? new Dictionary<string, IReadOnlyList<bool>>())
            if (kept.Count != InitialRank)
                throw Bad($"rank_pattern.{name}", $"a list of {kept.Count}", $"one of \"init_r\" ({InitialRank}) truth values");
        foreach (var field in Variants)
            if (Unknown?.TryGetValue(field, out var value) == true && IsSet(value)) throw Bad(field, value, Unsupported);
    }

    /// <summary>Refuses a schedule that has no step to take ranks away in.</summary>
    /// <exception cref="PeftException">The steps at both ends leave none.</exception>
    internal void ValidateSchedule(long total)
    {
        if (total < 1) throw Bad("total_step", total, "a whole number of 1 or more");
        if (WarmUp >= total - Final)
            throw Bad("tinit", WarmUp, $"less than the {total} steps of training less the {Final} of \"tfinal\": in between ranks go");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new AdaLoraMethod(name, this);

    internal override JsonObject PeftFields => (JsonObject)JsonNode.Parse(
        """
        {
          "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null, "corda_config": null,
          "ensure_weight_tying": false, "eva_config": null, "kasa_config": null, "layer_replication": null, "loftq_config": {},
          "lora_bias": false,
          "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "monteclora_config": null,
          "qalora_group_size": 16,
          "r": 8, "target_parameters": null, "trainable_token_indices": null, "use_bdlora": null, "use_dora": false, "use_qalora": false,
          "use_rslora": false, "velora_config": null
        }
        """)!;

    private static bool IsSet(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => false,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        JsonValueKind.Array => value.GetArrayLength() > 0,
        _ => true,
    };

    // What changes the arithmetic or trains more: to load it without would give wrong answers in silence.
    private static readonly string[] Variants =
    [
        "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "lora_bias", "monteclora_config",
        "target_parameters",
        "trainable_token_indices", "use_bdlora", "use_dora", "use_qalora", "velora_config",
    ];
}
