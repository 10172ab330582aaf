using System.Text.Json.Nodes;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Autotuning.Structure;

/// <summary>What a structure search has found: the settings that keep it, and how probable each module was.</summary>
/// <param name="Settings">Method and settings under the keys of a recipe.</param>
/// <param name="Weights">Weights that it trains.</param>
/// <param name="Description">The structure for people.</param>
/// <param name="Gates">Each position with its probability, and whether it was kept.</param>
internal sealed record FoundStructure(JsonObject Settings, long Weights, string Description, JsonArray Gates)
{
    public JsonObject Json() => new()
    {
        ["settings"] = Settings.DeepClone(),
        ["weights"] = Weights,
        ["description"] = Description,
        ["gates"] = Gates.DeepClone(),
    };

    /// <summary>Reads what an earlier search has left; null where there is none, or it is damaged.</summary>
    public static FoundStructure? TryRead(string file)
    {
        try
        {
            if (!File.Exists(file)) return null;
            var json = StrictJson.ReadObject(file, "delete it, and search again");
            return new(
                (JsonObject)json["settings"]!.DeepClone(), json["weights"]!.GetValue<long>(), $"{json["description"]}",
                (JsonArray)json["gates"]!.DeepClone());
        }
        catch (Exception e) when (e is PeftException or InvalidCastException or NullReferenceException or InvalidOperationException)
        {
            return null;
        }
    }
}
