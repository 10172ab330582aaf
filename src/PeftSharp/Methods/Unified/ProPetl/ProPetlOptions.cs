using System.Text.Json.Serialization;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Reparameterized.Lora;

namespace PeftSharp.Methods.Unified.ProPetl;

/// <summary>
/// Settings of ProPETL (Zeng et al. 2023, arXiv 2305.17682): one prototype of another method's module for all layers, of which each layer's
/// learned binary mask picks a part.
/// </summary>
public sealed record ProPetlOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "PROPETL";

    /// <summary>
    /// The method whose module is shared: bottleneck adapters (default), LoRA, or a prefix without a projection; its settings, or its name.
    /// </summary>
    [JsonPropertyName("part")]
    public MethodPart Part { get; init; } = new(new BottleneckOptions());

    /// <summary>
    /// What a mask keeps: <c>top-k</c> (default), the share <c>density</c> of each matrix with the largest |score|; or <c>threshold</c>,
    /// every entry whose |score| reaches <c>threshold</c>.
    /// </summary>
    [JsonPropertyName("mask_by")]
    public string MaskBy { get; init; } = TopK;

    /// <summary>
    /// Share of the entries of each matrix that a mask keeps (<c>top-k</c>); above 0, up to 1; default 0.5, the paper's for adapters (0.1
    /// for LoRA of rank 32 and prefixes of length 64).
    /// </summary>
    [JsonPropertyName("density")]
    [JsonConverter(typeof(FloatConverter))]
    public double Density { get; init; } = 0.5;

    /// <summary>The |score| from which on an entry is kept (<c>threshold</c>); above 0, up to 1000; default 0.01.</summary>
    [JsonPropertyName("threshold")]
    [JsonConverter(typeof(FloatConverter))]
    public double Threshold { get; init; } = 0.01;

    /// <summary>
    /// Name of a prototype that several tasks have together, each with masks and a head of its own: it is trained in a joint run alone, and
    /// kept in a file of its own. Up to 100 letters, digits, <c>-</c>, <c>_</c> and <c>.</c>; null (default): a prototype of its own.
    /// </summary>
    [JsonPropertyName("prototype")]
    public string? Prototype { get; init; }

    /// <summary>SHA-256 of the file that holds the prototype; written where it has a name, null elsewhere.</summary>
    [JsonInclude]
    [JsonPropertyName("prototype_sha256")]
    internal string? PrototypeHash { get; init; }

    /// <inheritdoc/>
    internal override string? SharedName => Prototype;

    /// <inheritdoc/>
    internal override string? SharedHash => PrototypeHash;

    /// <inheritdoc/>
    internal override MethodOptions WithSharedHash(string hash) => this with { PrototypeHash = hash };

    /// <summary>
    /// What the learning rate is multiplied by for the scores; above 0, at most 10000; default 10. It steers training and is not saved.
    /// </summary>
    [JsonIgnore]
    [SettingName("mask_lr_ratio")]
    public double RateRatio { get; init; } = 10;

    internal const string TopK = "top-k", ByThreshold = "threshold";

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Part is null) throw Bad("part", null, "a method's name or settings");
        if (!CanBeShared(Part.Options))
            throw Bad(
                "part", Part,
                "bottleneck adapters without phm_layer and inv_adapter, LoRA without DoRA, trained tokens and starts from weights or data, "
                + "or a prefix without prefix_projection");
        Part.Options.Validate();
        if (MaskBy is not (TopK or ByThreshold)) throw Bad("mask_by", $"\"{MaskBy}\"", $"\"{TopK}\" or \"{ByThreshold}\"");
        if (Density is not (> 0 and <= 1)) throw Bad("density", Density, "a number above 0, up to 1");
        if (Threshold is not (> 0 and <= 1000)) throw Bad("threshold", Threshold, "a number above 0, up to 1000");
        if (Prototype is not null && !IsName(Prototype))
            throw Bad("prototype", $"\"{Printable.Cut(Prototype, 40)}\"", "null, or up to 100 letters, digits, -, _ and .");
        if (PrototypeHash is not null && (Prototype is null || !IsHash(PrototypeHash)))
            throw Bad(
                "prototype_sha256", $"\"{Printable.Cut(PrototypeHash, 80)}\"", "null, or 64 digits of hex beside the name of a prototype");
        if (RateRatio is not (> 0 and <= 10_000)) throw Bad("mask_lr_ratio", RateRatio, "a number above 0, at most 10000");
    }

    /// <inheritdoc/>
    public override MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) =>
        this with { Part = new(Part.Options.WithTokens(tokenize)) };

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => this with { Part = new(Part.Options.AsReference()) };

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new ProPetlMethod(name, this);

    private static bool IsName(string text) =>
        text.Length is > 0 and <= 100 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static bool IsHash(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    private static bool CanBeShared(MethodOptions part) => part switch
    {
        BottleneckOptions bottleneck => bottleneck is { Phm: false, Invertible: null, LayerFactors: null or { Count: 0 } },
        LoraOptions lora => lora is { UseDora: false, TrainableTokens: null, StartsFromBase: false } && lora.InitText != "eva",
        PrefixOptions prefix => !prefix.Projection,
        _ => false,
    };
}
