using System.Text.Json.Nodes;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>Which linear maps stay as they are where the layers' weights are quantised.</summary>
/// <remarks>
/// As transformers decides for bitsandbytes (its <c>get_modules_to_not_convert</c>): the map to the vocabulary, tied or not, unless
/// <c>llm_int8_skip_modules</c> of the configuration names what stays, then that alone; and what the architecture keeps in float32.
/// Heads and poolers are small, and the former are trained: they always stay.
/// </remarks>
internal sealed class DenseMaps
{
    private readonly IReadOnlyList<string>? _named;
    private readonly IReadOnlyList<string> _kept;

    private DenseMaps(IReadOnlyList<string>? named, IReadOnlyList<string> kept) => (_named, _kept) = (named, kept);

    /// <summary>Those of models with that configuration.</summary>
    public static DenseMaps Of(ModelConfig config)
    {
        var named = (config.Node(BitsAndBytesConfig.Key) as JsonObject)?[BitsAndBytesConfig.Skipped] as JsonArray;
        return new(named?.OfType<JsonValue>().Select(name => name.ToString()).ToList(), Architectures.Of(config).KeptDense);
    }

    /// <summary>True if a map stays as it is.</summary>
    public bool Holds(ProjectionSite map) => map.Weight is TiedSlot || Holds(map.Role, map.Path);

    /// <summary>True if a map of that role and path stays as it is.</summary>
    public bool Holds(ProjectionRole role, string path)
    {
        if (role is ProjectionRole.Head or ProjectionRole.Pooler || _kept.Any(name => Names(name, path))) return true;
        return _named?.Any(name => Names(name, path)) ?? role == ProjectionRole.Vocabulary;
    }

    /// <summary>Slots of the weights that are quantised.</summary>
    public static HashSet<Slot> Others(TransformerModel model)
    {
        var dense = Of(model.Config);
        return [.. model.Sites.Projections.Where(map => !dense.Holds(map)).Select(map => map.Weight)];
    }

    // Whole parts of the path that follow each other: "mlp" and "mlp.up_proj" name "layers.0.mlp.up_proj", "up" does not.
    private static bool Names(string name, string path) => name.Length > 0 && $".{path}.".Contains($".{name}.", StringComparison.Ordinal);
}
