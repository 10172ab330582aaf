using System.Text.Json.Nodes;
using PeftSharp.Models;

namespace PeftSharp.Generation;

/// <summary>The tokens that end an answer, as a model's files name them.</summary>
internal static class EndTokens
{
    private const string Field = "eos_token_id";

    /// <summary>Those of a configuration; none where it names none.</summary>
    public static IReadOnlyCollection<int> Of(ModelConfig config) => Read(config.Json, config.File);

    /// <summary>Those of a JSON object: one id, or a list of them.</summary>
    /// <exception cref="PeftException">The field holds something else.</exception>
    public static IReadOnlyCollection<int> Read(JsonObject json, string file)
    {
        var found = json[Field];
        if (found is null) return [];
        var ids = found is JsonArray several ? several.Select(node => Id(node, file)) : [Id(found, file)];
        return [.. ids.Where(id => id >= 0).Distinct()];
    }

    /// <summary>
    /// A prompt without the end token that some tokenizers put behind every text: a model would take it for an answer that is over.
    /// </summary>
    public static int[] WithoutEnd(int[] ids, IReadOnlyCollection<int> endIds) => ids.Length > 1 && endIds.Contains(ids[^1])
        ? ids[..^1] : ids;

    private static int Id(JsonNode? node, string file) => node is JsonValue value && value.TryGetValue<int>(out var id)
        ? id
        : throw new PeftException($"{file}: \"{Field}\" holds {node?.ToJsonString() ?? "null"}; expected a token id or a list of them.");
}
