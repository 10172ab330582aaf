using System.Text.Json.Serialization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>Settings of methods that train single weights of a model: how many, and which may be among them.</summary>
public abstract record ChosenWeightsOptions : MethodOptions
{
    /// <summary>The share of the weights outside the head that is trained, above 0 and at most 1; default 0.005.</summary>
    [JsonPropertyName("keep")]
    public double Keep { get; init; } = 0.005;

    /// <summary>How many weights are trained, instead of a share; 1 or more; null (default): the share.</summary>
    [JsonPropertyName("keep_number")]
    public long? KeepNumber { get; init; }

    /// <summary>
    /// Where the largest scores are looked for: <c>model</c> (default), all weights together; <c>layer</c>, each layer (and what is below
    /// and above the layers) has its share; <c>tensor</c>, each tensor has.
    /// </summary>
    [JsonPropertyName("keep_by")]
    public string KeepBy { get; init; } = WeightChoice.Model;

    /// <summary>True leaves the embedding tables as they are; default false.</summary>
    [JsonPropertyName("freeze_embeddings")]
    public bool FreezeEmbeddings { get; init; }

    /// <summary>True leaves the norms as they are; default false.</summary>
    [JsonPropertyName("freeze_layer_norm")]
    public bool FreezeNorms { get; init; }

    internal WeightChoice Amount => new(KeepNumber is null ? "keep" : "keep_number", Keep, KeepNumber, KeepBy);

    internal bool MayTrain(Slot slot) => slot.Kind switch
    {
        SlotKind.Embedding => !FreezeEmbeddings,
        SlotKind.NormWeight or SlotKind.NormBias => !FreezeNorms,
        _ => true,
    };

    /// <inheritdoc/>
    public override void Validate()
    {
        if (!(Keep > 0 && Keep <= 1)) throw Bad("keep", Keep, "a share above 0 and at most 1");
        if (KeepNumber is < 1) throw Bad("keep_number", KeepNumber, "null or 1 or more");
        if (KeepBy is not (WeightChoice.Model or WeightChoice.Layer or WeightChoice.Tensor))
            throw Bad("keep_by", $"\"{KeepBy}\"", "\"model\", \"layer\" or \"tensor\"");
    }
}
