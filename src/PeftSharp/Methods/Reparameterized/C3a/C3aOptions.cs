using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.C3a;

/// <summary>Settings of C3A (Chen et al. 2024, arXiv 2407.19342).</summary>
public sealed record C3aOptions : TargetOptions
{
    private const string Xavier = "xavier_uniform", Gaussian = "gaussian", Kaiming = "kaiming_uniform";

    /// <inheritdoc/>
    public override string PeftType => "C3A";

    /// <summary>Size of the circulant blocks, a divisor of both widths of every map; at least 1; default 256.</summary>
    [JsonPropertyName("block_size")]
    public int BlockSize { get; init; } = 256;

    /// <summary>Sizes for modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("block_size_pattern")]
    public IReadOnlyDictionary<string, int>? BlockSizePattern { get; init; } = new Dictionary<string, int>();

    /// <summary>
    /// Start: <c>xavier_uniform</c> (default, false as well), <c>kaiming_uniform</c>, <c>gaussian</c>, or true for zero, where the model is
    /// the base.
    /// </summary>
    [JsonPropertyName("init_weights")]
    public JsonElement InitWeights { get; init; } = JsonDocument.Parse($"\"{Xavier}\"").RootElement;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("block_size", BlockSize);
        foreach (var (pattern, size) in BlockSizePattern ?? new Dictionary<string, int>())
            ValidateRank($"block_size_pattern.{pattern}", size);
        if (
            InitWeights.ValueKind is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null)
                && Text is not (Xavier or Gaussian or Kaiming))
            throw Bad("init_weights", InitWeights.GetRawText(), $"true, false, \"{Xavier}\", \"{Kaiming}\" or \"{Gaussian}\"");
    }

    /// <summary>The start of a kernel.</summary>
    internal TorchSharp.torch.Tensor Start(long[] shape, long inFeatures, long outFeatures, ulong seed) => Text switch
    {
        Gaussian => Sites.Initial.Normal(shape, 1, seed),
        Kaiming => Sites.Initial.Uniform(shape, Math.Sqrt(1.0 / inFeatures), seed),
        _ when InitWeights.ValueKind == JsonValueKind.True => TorchSharp.torch.zeros(shape),
        _ => Sites.Initial.Uniform(shape, Math.Sqrt(6.0 / (inFeatures + outFeatures)), seed),
    };

    private string? Text => InitWeights.ValueKind == JsonValueKind.String ? InitWeights.GetString() : null;

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new C3aMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none" };
}
