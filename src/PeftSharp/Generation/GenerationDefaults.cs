using PeftSharp.Files.Json;
using PeftSharp.Models;

namespace PeftSharp.Generation;

/// <summary>What a model's folder says of generation.</summary>
internal static class GenerationDefaults
{
    private const string FileName = "generation_config.json";

    /// <summary>The tokens that end an answer: those of generation_config.json, and those of config.json where that names none.</summary>
    /// <exception cref="PeftException">A file is damaged.</exception>
    public static IReadOnlyList<int> EndIds(string folder, ModelConfig config)
    {
        var file = Path.Combine(folder, FileName);
        var own = File.Exists(file) ? EndTokens.Read(StrictJson.ReadObject(file, "take it from the model's page again"), file) : [];
        return [.. own.Count > 0 ? own : EndTokens.Of(config)];
    }
}
