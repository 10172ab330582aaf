using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Reparameterized.Lora.Start;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>Settings of LoRA (Hu et al. 2021, arXiv 2106.09685) and its kin: rsLoRA (2312.03732), DoRA (2402.09353).</summary>
public sealed record LoraOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "LORA";

    /// <summary>Rank of the update; at least 1; default 8.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 8;

    /// <summary>Numerator of the scale alpha / r; default 8.</summary>
    [JsonPropertyName("lora_alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 8;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("lora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>Which biases are trained: <c>none</c> (default), <c>all</c>, or <c>lora_only</c> (those of adapted modules).</summary>
    [JsonPropertyName("bias")]
    public string Bias { get; init; } = "none";

    /// <summary>True scales by alpha / √r (rsLoRA); default false.</summary>
    [JsonPropertyName("use_rslora")]
    public bool UseRsLora { get; init; }

    /// <summary>True trains magnitude and direction apart (DoRA); default false.</summary>
    [JsonPropertyName("use_dora")]
    public bool UseDora { get; init; }

    /// <summary>True gives the second factor a bias; default false.</summary>
    [JsonPropertyName("lora_bias")]
    public bool LoraBias { get; init; }

    /// <summary>
    /// Start of the factors: true (default: A Kaiming-uniform, B zero), false, <c>gaussian</c>, <c>orthogonal</c>; a share of the weight:
    /// <c>pissa</c>, <c>pissa_niter_16</c>, <c>olora</c> (saved as plain LoRA of twice the rank), <c>loftq</c>; or from training data:
    /// <c>eva</c>, <c>lora_ga</c>.
    /// </summary>
    [JsonPropertyName("init_lora_weights")]
    public JsonElement InitLoraWeights { get; init; } = JsonDocument.Parse("true").RootElement;

    /// <summary>
    /// Settings of the start <c>loftq</c>: an object of <c>loftq_bits</c> (4), <c>loftq_iter</c> (default 1), <c>loftq_block_size</c>
    /// (default 64).
    /// </summary>
    [JsonPropertyName("loftq_config")]
    public JsonElement LoftqConfig { get; init; } = JsonDocument.Parse("{}").RootElement;

    /// <summary>
    /// Settings of the start <c>eva</c>: an object of <c>rho</c> (default 2), <c>tau</c> (0.99), <c>adjust_scaling_factors</c> (true),
    /// <c>use_label_mask</c> (true), <c>label_mask_value</c> (-100); null (default): these.
    /// </summary>
    [JsonPropertyName("eva_config")]
    public EvaOptions? Eva { get; init; }

    /// <summary>
    /// Settings of the start <c>lora_ga</c>: an object of <c>direction</c> (default ArB2r), <c>scale</c> (stable), <c>stable_gamma</c>
    /// (16), <c>examples</c> (64); null (default): these.
    /// </summary>
    [JsonPropertyName("lora_ga_config")]
    public LoraGaOptions? LoraGa { get; init; }

    /// <summary>
    /// What the learning rate of the second factor B is multiplied by (LoRA+, Hayou et al. 2024, arXiv 2402.12354: 16 is their advice);
    /// above 0, at most 10000; default 1. It steers training and is not saved with the adapter.
    /// </summary>
    [JsonIgnore]
    [SettingName("loraplus_lr_ratio")]
    public double RateRatio { get; init; } = 1;

    /// <summary>
    /// True leaves the first factor A as it was drawn and trains B alone (LoRA-FA, Zhang et al. 2023, arXiv 2308.03303): for the backward
    /// pass a map then keeps r numbers a token in place of its whole input. Default false. peft has no such field and reads the adapter as
    /// the plain LoRA that it is.
    /// </summary>
    [JsonPropertyName("lora_fa")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool FreezeA { get; init; }

    /// <summary>
    /// How often training begins anew with new factors beside the old ones (ReLoRA, Lialin et al. 2023, arXiv 2307.05695), in phases of
    /// equal length, each with its own warm-up and a new optimizer; 0 (default) to 64. The adapter is saved as a plain LoRA whose rank is
    /// the sum; the setting itself is not saved.
    /// </summary>
    [JsonIgnore]
    [SettingName("relora_restarts")]
    public int Restarts { get; init; }

    /// <summary>Ranks of modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("rank_pattern")]
    public IReadOnlyDictionary<string, int>? RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas of modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("alpha_pattern")]
    [JsonConverter(typeof(AnyNumbersConverter))]
    public IReadOnlyDictionary<string, double>? AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Token ids whose embedding rows are trained: a list, or lists by embedding name.</summary>
    [JsonPropertyName("trainable_token_indices")]
    public TokenIndices? TrainableTokens { get; init; }

    /// <summary>peft's marker of transposed weights; the models here keep them as [out, in].</summary>
    [JsonPropertyName("fan_in_fan_out")]
    public bool FanInFanOut { get; init; }

    /// <summary>Matrices by role instead of by name (AdapterHub).</summary>
    [JsonIgnore]
    [SettingName("roles")]
    public IReadOnlyList<ProjectionRole>? Roles { get; init; }

    /// <summary>Layers without an update (AdapterHub).</summary>
    [JsonIgnore]
    [SettingName("leave_out")]
    public IReadOnlyList<int> LeaveOut { get; init; } = [];

    /// <summary>True lets a gate, learned per module from its input, take the place of the scale (UniPELT, arXiv 2110.07577).</summary>
    [JsonIgnore]
    [SettingName("use_gating")]
    public bool UseGating { get; init; }

    /// <summary>
    /// True lets a gate average over padded positions too, as AdapterHub does, so that a row's answer depends on the rows beside it;
    /// default false.
    /// </summary>
    [JsonIgnore]
    [SettingName("gate_over_padding")]
    public bool GateOverPadding { get; init; }

    /// <summary>AdapterHub's own configuration, where the adapter came from one; fields that have no place here survive in it.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Rank is < 1 or > 1 << 16) throw Bad("r", Rank, "a whole number from 1 to 65536");
        foreach (var alpha in (AlphaPattern?.Values ?? []).Append(Alpha))
            if (!(Math.Abs(alpha) <= LargestAlpha)) throw Bad("lora_alpha", alpha, "a number from -1000000 to 1000000");
        if (Dropout is not (>= 0 and < 1)) throw Bad("lora_dropout", Dropout, "a probability from 0 to less than 1");
        if (RateRatio is not (> 0 and <= 10_000)) throw Bad("loraplus_lr_ratio", RateRatio, "a number above 0, at most 10000");
        if (Bias is not ("none" or "all" or "lora_only")) throw Bad("bias", $"\"{Bias}\"", "\"none\", \"all\" or \"lora_only\"");
        ValidateTargets();
        ValidateTraining();
        foreach (var (pattern, rank) in RankPattern ?? new Dictionary<string, int>())
            if (rank is < 1 or > 1 << 16) throw Bad($"rank_pattern.{pattern}", rank, "a whole number from 1 to 65536");
        ValidateStart();
        foreach (var field in Unsupported)
            if (Unknown?.TryGetValue(field, out var value) == true && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
                throw Bad(field, value, "null: this variant is not supported");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LoraMethod(name, this);

    internal override JsonObject PeftFields => (JsonObject)JsonNode.Parse(
        """
        {
          "alora_invocation_tokens": null, "arrow_config": null, "auto_mapping": null, "corda_config": null, "ensure_weight_tying": false,
          "kasa_config": null, "layer_replication": null,
          "megatron_config": null, "megatron_core": "megatron.core", "monteclora_config": null, "qalora_group_size": 16,
          "target_parameters": null, "use_bdlora": null, "use_qalora": false, "velora_config": null
        }
        """)!;

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => UseGating ? this with { GateOverPadding = true } : this;

    internal string? InitText => InitLoraWeights.ValueKind == JsonValueKind.String ? InitLoraWeights.GetString()!.ToLowerInvariant() : null;

    // True where the factors begin as a share of the weight, which is less by it.
    internal bool StartsFromBase => SpectralStart.Is(InitText) || InitText == "lora_ga";

    /// <summary>The settings of LoftQ, whole.</summary>
    internal LoftqOptions Loftq => LoftqConfig.ValueKind == JsonValueKind.Object ? LoftqConfig.Deserialize<LoftqOptions>()! : new();

    /// <summary>A copy that names the block size: what a saved adapter of that start quantises when it is read.</summary>
    internal LoraOptions WithLoftqBlock()
    {
        var named = Loftq with { BlockSize = Loftq.BlockSize ?? Weights.FourBitCodec.DefaultBlock };
        return this with { LoftqConfig = JsonSerializer.SerializeToElement(named) };
    }

    private void ValidateTraining()
    {
        if (Restarts is < 0 or > 64) throw Bad("relora_restarts", Restarts, "a whole number from 0 to 64");
        if (Restarts > 0 && (UseDora || UseGating || LoraBias))
            throw Bad(
                UseDora ? "use_dora" : UseGating ? "use_gating" : "lora_bias", "true",
                "false where \"relora_restarts\" is set: what it learns is not a sum of factors");
        if ((Restarts > 0 || FreezeA) && (StartsFromBase || InitText == "eva"))
            throw Bad(
                "init_lora_weights", InitLoraWeights,
                $"true, false, \"gaussian\" or \"orthogonal\" where \"{(FreezeA ? "lora_fa" : "relora_restarts")}\" is set");
    }

    private void ValidateStart()
    {
        if (InitLoraWeights.ValueKind is JsonValueKind.True or JsonValueKind.False) return;
        if (InitText is "gaussian" or "orthogonal") return;
        if (Source is not null && (InitText is "corda" or "lora_ga" || SpectralStart.Is(InitText)) && !BringsItsBase)
            throw Bad("init_lora_weights", InitLoraWeights,
                "true: it belongs to a base whose weights its start has changed; "
                + "save it in Python with path_initial_model_for_weight_conversion");
        if (!StartsFromBase && InitText != "eva") throw Bad("init_lora_weights", InitLoraWeights, Starts);
        if (StartsFromBase && (UseDora || UseGating))
            throw Bad(
                UseDora ? "use_dora" : "use_gating", "true",
                $"false where \"init_lora_weights\" is {InitLoraWeights}: the adapter could not be saved beside the base");
        if (InitText == "loftq") ValidateLoftq();
        if (Eva is { } eva) Validate(eva);
        if (LoraGa is { } ga) Validate(ga);
    }

    // A saved LoftQ adapter of ours quantises what it was trained on.
    private bool BringsItsBase =>
        InitText == "loftq" && LoftqConfig.ValueKind == JsonValueKind.Object && LoftqConfig.TryGetProperty("loftq_block_size", out _);

    private void ValidateLoftq()
    {
        LoftqOptions loftq;
        try
        {
            loftq = Loftq;
        }
        catch (JsonException)
        {
            throw Bad("loftq_config", LoftqConfig, "an object of whole numbers: loftq_bits, loftq_iter, loftq_block_size");
        }
        if (loftq.Bits != 4) throw Bad("loftq_config.loftq_bits", loftq.Bits, "4 (NF4)");
        if (loftq.Rounds is < 1 or > 100) throw Bad("loftq_config.loftq_iter", loftq.Rounds, "a whole number from 1 to 100");
        if (loftq.BlockSize is { } block && (block is < 32 or > 4096 || !int.IsPow2(block)))
            throw Bad("loftq_config.loftq_block_size", block, "a power of two from 32 to 4096");
    }

    private void Validate(EvaOptions eva)
    {
        if (eva.Rho is not (>= 1 and <= 100)) throw Bad("eva_config.rho", eva.Rho, "a number from 1 to 100");
        if (eva.Tau is not (>= 0 and <= 1)) throw Bad("eva_config.tau", eva.Tau, "a number from 0 to 1");
        if (eva.Whiten) throw Bad("eva_config.whiten", "true", "false: whitening is not supported");
    }

    private void Validate(LoraGaOptions ga)
    {
        if (ga.Direction is not ("ArB2r" or "A2rBr" or "ArBr"))
            throw Bad("lora_ga_config.direction", $"\"{ga.Direction}\"", "\"ArB2r\", \"A2rBr\" or \"ArBr\"");
        if (ga.Scale is not ("stable" or "unit")) throw Bad("lora_ga_config.scale", $"\"{ga.Scale}\"", "\"stable\" or \"unit\"");
        if (ga.StableGamma is not (> 0 and <= 1e9))
            throw Bad("lora_ga_config.stable_gamma", ga.StableGamma, "a number above 0, up to 1000000000");
        if (ga.Examples < 1) throw Bad("lora_ga_config.examples", ga.Examples, "a whole number of 1 or more");
    }

    private const double LargestAlpha = 1e6;

    private const string Starts =
        "true, false, \"gaussian\", \"orthogonal\", \"pissa\", \"pissa_niter_16\", \"olora\", \"loftq\", \"eva\" or \"lora_ga\"";

    // Variants that change the arithmetic: to load them as plain LoRA would give wrong answers in silence.
    private static readonly string[] Unsupported =
        [
            "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "monteclora_config", "target_parameters",
            "use_bdlora", "use_qalora", "velora_config",
        ];
}
