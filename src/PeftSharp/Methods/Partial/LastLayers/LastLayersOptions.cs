using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.LastLayers;

/// <summary>
/// Settings of fine-tuning by place: which layers are trained, and how fast (ULMFiT, Howard and Ruder 2018, arXiv 1801.06146).
/// </summary>
public sealed record LastLayersOptions : MethodOptions
{
    internal static readonly IReadOnlyList<string> Parts = ["attention", "feed_forward", "norm"];

    /// <inheritdoc/>
    public override string PeftType => "LAST_LAYERS";

    /// <summary>How many of the topmost layers are trained; 1 or more; 1 where neither this nor <c>layers</c> is given.</summary>
    [JsonPropertyName("last_layers")]
    public int? Count { get; init; }

    /// <summary>Layers to train instead, by index from 0; null (default): the topmost ones.</summary>
    [JsonPropertyName("layers")]
    public Layers? Layers { get; init; }

    /// <summary>What is trained in a layer: <c>attention</c>, <c>feed_forward</c>, <c>norm</c>; null (default): everything.</summary>
    [JsonPropertyName("components")]
    public IReadOnlyList<string>? Components { get; init; }

    /// <summary>True trains the embeddings as well; default false.</summary>
    [JsonPropertyName("embeddings")]
    public bool Embeddings { get; init; }

    /// <summary>True (default) trains what stands between the layers and the head (a last norm, a pooler) as well.</summary>
    [JsonPropertyName("above")]
    public bool Above { get; init; } = true;

    /// <summary>
    /// What the learning rate is multiplied by for each layer further down: the top layer learns at rate · decay, the next at rate ·
    /// decay², the embeddings slowest; the head at the rate itself. Above 0 and at most 1; default 1.
    /// </summary>
    [JsonPropertyName("rate_decay")]
    public double RateDecay { get; init; } = 1;

    /// <summary>
    /// When they are trained: <c>together</c> (default); <c>gradual</c>, first the head and what is above the layers, then one layer more
    /// each phase, from the top down, the embeddings last (ULMFiT); <c>chain</c>, first the head, then each layer alone from the bottom up,
    /// then all (chain-thaw, Felbo et al. 2017, arXiv 1708.00524). Phases take the same share of the run's steps, each with a
    /// learning-rate schedule of its own.
    /// </summary>
    [JsonPropertyName("unfreeze")]
    public string Unfreeze { get; init; } = Unfreezing.Together;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Unfreeze is not (Unfreezing.Together or Unfreezing.Gradual or Unfreezing.Chain))
            throw Bad("unfreeze", $"\"{Unfreeze}\"", "\"together\", \"gradual\" or \"chain\"");
        if (Count is < 1) throw Bad("last_layers", Count, "1 or more");
        if (Count is not null && Layers is not null) throw Bad("layers", Layers, "null where \"last_layers\" is given");
        if (Components is { Count: 0 }) throw Bad("components", "empty", "null or at least one component");
        if (Components?.FirstOrDefault(c => !Parts.Contains(c)) is { } unknown)
            throw Bad("components", $"\"{unknown}\"", string.Join(", ", Parts));
        if (!(RateDecay > 0 && RateDecay <= 1)) throw Bad("rate_decay", RateDecay, "a number above 0 and at most 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LastLayersMethod(name, this);
}
