using System.Text.Json.Serialization;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Unified.AdaMix;

/// <summary>
/// Settings of AdaMix (Wang et al. 2022, arXiv 2205.12410): several copies of another method's modules, of which each step draws some.
/// </summary>
public sealed record AdaMixOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "ADAMIX";

    /// <summary>The method whose modules are mixed: its settings, or its name; default: bottleneck adapters.</summary>
    [JsonPropertyName("part")]
    public MethodPart Part { get; init; } = new(new BottleneckOptions());

    /// <summary>Copies of each module; from 1 to 64; default 4.</summary>
    [JsonPropertyName("num_modules")]
    public int Copies { get; init; } = 4;

    /// <summary>
    /// Weight of the divergence of two draws' answers, from 0 (off, which saves the second forward) to 1000; default 1. It acts where a row
    /// has one answer among classes.
    /// </summary>
    [JsonPropertyName("consistency")]
    [JsonConverter(typeof(FloatConverter))]
    public double Consistency { get; init; } = 1;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Part is null) throw Bad("part", null, "a method's name or settings");
        if (Part.Options is AdaMixOptions) throw Bad("part", Part, "another method than this one");
        Part.Options.Validate();
        if (Copies is < 1 or > 64) throw Bad("num_modules", Copies, "a whole number from 1 to 64");
        if (Consistency is not (>= 0 and <= 1000)) throw Bad("consistency", Consistency, "a number from 0 to 1000");
    }

    /// <inheritdoc/>
    public override MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) =>
        this with { Part = new(Part.Options.WithTokens(tokenize)) };

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => this with { Part = new(Part.Options.AsReference()) };

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new AdaMixMethod(name, this);
}
