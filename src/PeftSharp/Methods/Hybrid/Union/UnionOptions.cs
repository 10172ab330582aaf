using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Reparameterized.Lora;

namespace PeftSharp.Methods.Hybrid.Union;

/// <summary>
/// Several methods as one adapter: MAM (He et al. 2021, arXiv 2110.04366), UniPELT (Mao et al. 2021, arXiv 2110.07577), or any other union.
/// </summary>
public sealed record UnionOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "UNION";

    /// <summary>The parts; at least one; by default UniPELT's: prefix, bottleneck and LoRA, each gated.</summary>
    [JsonIgnore]
    public IReadOnlyList<MethodOptions> Parts { get; init; } = UniPelt();

    /// <summary>The parts as peft's layout keeps them: settings that are not defaults, with their <c>peft_type</c>; null
    /// elsewhere.</summary>
    [JsonPropertyName("parts")]
    public IReadOnlyList<MethodPart>? SavedParts
    {
        get;
        init
        {
            field = value;
            if (value is not null) Parts = [.. value.Select(part => part.Options)];
        }
    }

    /// <summary>
    /// True lets every gate average over padded positions too, as AdapterHub does, so that a row's answer depends on the rows beside it;
    /// default false.
    /// </summary>
    [JsonPropertyName("gate_over_padding")]
    public bool GateOverPadding { get; init; }

    /// <summary>AdapterHub's own configuration, where the adapter came from one; fields that have no place here survive in it.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Parts.Count == 0) throw Bad("configs", "empty", "at least one method");
        if (Parts.Count > MostParts) throw Bad("parts", $"{Parts.Count} methods", $"at most {MostParts}");
        if (Parts.Any(part => part is UnionOptions)) throw Bad("parts", "a union in a union", "its methods one by one");
        foreach (var part in Parts) part.Validate();
    }

    private const int MostParts = 64;

    /// <inheritdoc/>
    /// <remarks>AdapterHub's where it has a place for every part, else peft's.</remarks>
    [JsonIgnore]
    public override AdapterFormat Format =>
        Refusal(AdapterFormat.AdapterHub) is null ? AdapterFormat.AdapterHub : AdapterFormat.Peft;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> OwnFields => ["parts"];

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new UnionMethod(name, this);

    /// <inheritdoc/>
    public override MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) =>
        this with { Parts = [.. Parts.Select(p => p.WithTokens(tokenize))] };

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => this with { Parts = [.. Parts.Select(p => p.AsReference())] };

    /// <summary>The parts, their gates over padding where that is asked for.</summary>
    internal IReadOnlyList<MethodOptions> EffectiveParts => GateOverPadding ? ((UnionOptions)AsReference()).Parts : Parts;

    internal static IReadOnlyList<MethodOptions> UniPelt() =>
    [
        new PrefixOptions { HubStyle = true, Projection = true, VirtualTokens = 10, EncoderHidden = 512, UseGating = true },
        new BottleneckOptions { UseGating = true },
        new LoraOptions { Alpha = 2, UseGating = true, Roles = [Sites.ProjectionRole.Query, Sites.ProjectionRole.Value] },
    ];

    internal static IReadOnlyList<MethodOptions> Mam() =>
    [
        new PrefixOptions { HubStyle = true, Projection = true, VirtualTokens = 30, EncoderHidden = 800 },
        (BottleneckOptions)MethodRegistry.Options("par_bn"),
    ];
}
