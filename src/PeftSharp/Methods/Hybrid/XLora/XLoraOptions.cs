using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Reparameterized.Lora;

namespace PeftSharp.Methods.Hybrid.XLora;

/// <summary>
/// Settings of X-LoRA (Buehler and Buehler 2024, arXiv 2402.07148) under peft's names; <c>num_experts</c>, <c>expert</c> and
/// <c>experts</c> are ours.
/// </summary>
public sealed record XLoraOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "XLORA";

    /// <summary>Width of the model's states; null (default): the model's, which is the only one that fits.</summary>
    [JsonPropertyName("hidden_size")]
    public int? HiddenSize { get; init; }

    /// <summary>
    /// The experts: a folder of a trained LoRA in peft's format for each name; null (default) or empty: experts are drawn and trained with
    /// the classifier. A saved adapter holds its experts itself, and is read without these folders.
    /// </summary>
    [JsonPropertyName("adapters")]
    public IReadOnlyDictionary<string, string>? Adapters { get; init; }

    /// <summary>Number of experts that are drawn where none are given; from 1 to 64; null (default): 4.</summary>
    [JsonPropertyName("num_experts")]
    public int? DrawnExperts { get; init; }

    /// <summary>Settings of each expert that is drawn, or <c>lora</c>; null (default): those of LoRA.</summary>
    [JsonPropertyName("expert")]
    public MethodPart? Expert { get; init; }

    /// <summary>
    /// The settings of each expert, as a saved adapter has them; null (default): given or drawn as the other settings say.
    /// </summary>
    [JsonPropertyName("experts")]
    public IReadOnlyList<MethodPart>? Experts { get; init; }

    /// <summary>True trains the experts with the classifier; null (default): those that are drawn, not those that are given.</summary>
    [JsonPropertyName("use_trainable_adapters")]
    public bool? TrainsExperts { get; init; }

    /// <summary>True (default) makes the classifier's outputs shares of 1, by a softmax over the experts; false takes them as they
    /// are.</summary>
    [JsonPropertyName("enable_softmax")]
    public bool Softmax { get; init; } = true;

    /// <summary>True makes the weights of the <c>top_k_lora</c> experts shares of 1 by a softmax of their own; default false.</summary>
    [JsonPropertyName("enable_softmax_topk")]
    public bool SoftmaxOfActive { get; init; }

    /// <summary>What the outputs are divided by before <c>enable_softmax</c>; above 0, at most 1000; default 1.</summary>
    [JsonPropertyName("softmax_temperature")]
    [JsonConverter(typeof(FloatConverter))]
    public double Temperature { get; init; } = 1;

    /// <summary>True gives each adapted map weights of its own; default false: all maps have the same.</summary>
    [JsonPropertyName("layerwise_scalings")]
    public bool PerMap { get; init; }

    /// <summary>Experts that act on a token, those with the largest weights; at least 1; null (default): all.</summary>
    [JsonPropertyName("top_k_lora")]
    public int? Active { get; init; }

    /// <summary>Linear maps of the classifier; from 1 to 64; default 1.</summary>
    [JsonPropertyName("xlora_depth")]
    public int Depth { get; init; } = 1;

    /// <summary>Width between them; from 1 to 65536; default 2048; it says nothing at a depth of 1.</summary>
    [JsonPropertyName("xlora_size")]
    public int Size { get; init; } = 2048;

    /// <summary>Dropout behind each of them but the last; 0 ≤ p &lt; 1; default 0.2.</summary>
    [JsonPropertyName("xlora_dropout_p")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; } = 0.2;

    /// <summary>The weight of every expert in the first pass; from -1000 to 1000; default 0: the base alone.</summary>
    [JsonPropertyName("scaling_pass_value")]
    [JsonConverter(typeof(FloatConverter))]
    public double FirstWeight { get; init; }

    /// <summary>What all weights of the second pass are multiplied by; from -1000 to 1000; default 1.</summary>
    [JsonPropertyName("global_scaling_weight")]
    [JsonConverter(typeof(FloatConverter))]
    public double GlobalWeight { get; init; } = 1;

    /// <summary>The most experts.</summary>
    internal const int MostExperts = 64;

    private const double LargestWeight = 1000;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> OwnFields => ["num_experts", "expert", "experts"];

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateExperts();
        if (Temperature is not (> 0 and <= 1000)) throw Bad("softmax_temperature", Temperature, "a number above 0, at most 1000");
        if (Active < 1) throw Bad("top_k_lora", Active, "null or a whole number of 1 or more");
        if (SoftmaxOfActive && Active is null)
            throw Bad("enable_softmax_topk", "true", "false where \"top_k_lora\" is null: there is nothing to choose");
        if (Depth is < 1 or > 64) throw Bad("xlora_depth", Depth, "a whole number from 1 to 64");
        if (Size is < 1 or > 1 << 16) throw Bad("xlora_size", Size, "a whole number from 1 to 65536");
        if (Dropout is not (>= 0 and < 1)) throw Bad("xlora_dropout_p", Dropout, "a probability from 0 to less than 1");
        if (!(Math.Abs(FirstWeight) <= LargestWeight)) throw Bad("scaling_pass_value", FirstWeight, "a number from -1000 to 1000");
        if (!(Math.Abs(GlobalWeight) <= LargestWeight)) throw Bad("global_scaling_weight", GlobalWeight, "a number from -1000 to 1000");
    }

    private void ValidateExperts()
    {
        if (DrawnExperts is < 1 or > MostExperts) throw Bad("num_experts", DrawnExperts, $"a whole number from 1 to {MostExperts}");
        if (Adapters?.Count > MostExperts) throw Bad("adapters", $"{Adapters.Count} folders", $"at most {MostExperts}");
        if (Experts is not null && Experts.Count is < 1 or > MostExperts)
            throw Bad("experts", $"a list of {Experts!.Count}", $"from 1 to {MostExperts} methods");
        if (Adapters?.Count > 0 && (DrawnExperts is not null || Expert is not null))
            throw Bad(
                DrawnExperts is null ? "expert" : "num_experts", DrawnExperts is null ? Expert : DrawnExperts,
                "null where \"adapters\" names the experts");
        if (Expert is not null) RequireExpert(Expert.Options, "expert");
        for (var i = 0; i < Experts?.Count; i++) RequireExpert(Experts[i].Options, $"experts[{i}]");
    }

    /// <summary>Refuses settings of an expert that is no plain low-rank update of linear maps.</summary>
    internal void RequireExpert(MethodOptions options, string field)
    {
        if (options is not LoraOptions lora) throw Bad(field, options.PeftType, "LORA: the experts of X-LoRA are LoRAs");
        lora.Validate();
        var found = lora.UseDora ? "use_dora" : lora.LoraBias ? "lora_bias" : lora.UseGating ? "use_gating"
            : lora.Bias != "none" ? "bias" : lora.TrainableTokens is not null ? "trainable_token_indices"
            : lora.Restarts > 0 ? "relora_restarts" : lora.Roles is not null ? "roles"
            : lora.InitText is not (null or "gaussian" or "orthogonal") ? "init_lora_weights" : null;
        if (found is not null) throw Bad(field, $"a LoRA with \"{found}\"", "one that adds s·B·A·x to linear maps and nothing else");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new XLoraMethod(name, this);
}
