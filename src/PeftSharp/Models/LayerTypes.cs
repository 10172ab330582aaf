using System.Text.Json.Nodes;
using PeftSharp.Files;

namespace PeftSharp.Models;

/// <summary>What kind of attention each layer has, as configurations list it under <c>layer_types</c>.</summary>
internal static class LayerTypes
{
    /// <summary>Every token is seen.</summary>
    public const string Full = "full_attention";

    /// <summary>Near tokens alone are seen.</summary>
    public const string Sliding = "sliding_attention";

    /// <summary>The type of each layer.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="layers">How many there are.</param>
    /// <param name="otherwise">The type of a layer where the configuration has no list.</param>
    /// <exception cref="PeftException">The list names another number of layers, or a type that is not known.</exception>
    public static IReadOnlyList<string> Read(ModelConfig config, int layers, Func<int, string> otherwise)
    {
        if (config.Node("layer_types") is not { } node) return [.. Enumerable.Range(0, layers).Select(otherwise)];
        if (node is not JsonArray list || list.Count != layers)
            throw new PeftException(
                $"{config.File}: field \"layer_types\" does not list {layers} layers, which \"num_hidden_layers\" promises.");
        return [.. list.Select(entry => entry?.ToString() is Full or Sliding ? entry.ToString() : throw Unknown(config, entry))];
    }

    private static PeftException Unknown(ModelConfig config, JsonNode? entry) =>
        new(
            $"{config.File}: field \"layer_types\" has the entry {Quoted.Name(entry?.ToString() ?? "null")}; expected \"{Full}\" or "
            + $"\"{Sliding}\".");
}
