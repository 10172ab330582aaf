using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.BitFit;

/// <summary>Settings of BitFit (Ben-Zaken et al. 2021, arXiv 2106.10199).</summary>
public sealed record BitFitOptions : MethodOptions
{
    internal static readonly IReadOnlyList<string> Parts =
        ["query", "key", "value", "attention_output", "intermediate", "output", "norm", "pooler"];

    /// <inheritdoc/>
    public override string PeftType => "BITFIT";

    /// <summary>
    /// Two definitions are in use. True (default): every bias, and the head whole. False: every bias and no more, that is, every tensor
    /// with "bias" in its name, the head's own included.
    /// </summary>
    [JsonPropertyName("train_head")]
    public bool TrainHead { get; init; } = true;

    /// <summary>
    /// Which biases, by what they belong to: <c>query</c>, <c>key</c>, <c>value</c>, <c>attention_output</c>, <c>intermediate</c> and
    /// <c>output</c> (the two maps of the feed-forward block), <c>norm</c>, <c>pooler</c>; null (default): all. The paper's small choice is
    /// query and intermediate.
    /// </summary>
    [JsonPropertyName("components")]
    public IReadOnlyList<string>? Components { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Components is { Count: 0 }) throw Bad("components", "empty", "null or at least one component");
        if (Components?.FirstOrDefault(c => !Parts.Contains(c)) is { } unknown)
            throw Bad("components", $"\"{unknown}\"", string.Join(", ", Parts));
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BitFitMethod(name, this);
}
