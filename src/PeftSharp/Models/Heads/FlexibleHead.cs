using System.Text.Json.Nodes;

namespace PeftSharp.Models.Heads;

/// <summary>A classification head in AdapterHub's flexible layout: its tensors are called <c>heads.NAME.INDEX</c>.</summary>
/// <param name="Name">Its name, part of its tensors' names.</param>
/// <param name="Layers">Linear maps: 1, or 2 with an activation between them.</param>
/// <param name="Activation">The activation between them; null for none.</param>
/// <param name="UsesPooler">True if it reads the model's pooler, false if the first token's vector.</param>
/// <param name="Dropout">Probability of dropping before each map; null for the model's own.</param>
public sealed record FlexibleHead(string Name, int Layers, string? Activation, bool UsesPooler, double? Dropout)
{
    /// <summary>The module that holds its maps; trained and saved with an adapter.</summary>
    internal const string Module = "heads";

    /// <summary>The settings as AdapterHub names them, without those of the classes.</summary>
    internal JsonObject ToJson() => new()
    {
        ["activation_function"] = Activation,
        ["bias"] = true,
        ["dropout_prob"] = Dropout,
        ["head_type"] = "classification",
        ["layers"] = Layers,
        ["name"] = Name,
        ["use_pooler"] = UsesPooler,
    };

    /// <summary>Path of a map: dropout, map and activation each have an index of their own.</summary>
    internal string Path(int layer) => $"{Module}.{Name}.{layer * (Activation is null ? 2 : 3) + 1}";
}
