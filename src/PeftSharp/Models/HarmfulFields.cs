using System.Text.Json.Nodes;

namespace PeftSharp.Models;

/// <summary>Fields of config.json that would change the answer and that no model here computes: refused, never passed over.</summary>
internal static class HarmfulFields
{
    /// <summary>Refuses a configuration that sets one of them.</summary>
    /// <exception cref="PeftException">It does; the message names field and value.</exception>
    /// <param name="config">The configuration.</param>
    /// <param name="mayNameCode">True if checkpoints of the architecture name Python code that transformers has taken in since.</param>
    public static void Refuse(ModelConfig config, bool mayNameCode = false)
    {
        if (config.Flag("is_encoder_decoder")) throw Bad(config, "is_encoder_decoder", "false: only encoders are supported");
        if (config.Node("pruned_heads") is { } pruned && pruned is not JsonObject { Count: 0 })
            throw Bad(
                config, "pruned_heads", "none: heads that were cut out have no place in the stored shapes; save the model without them");
        if (
            !mayNameCode
                && config.Node("auto_map") is JsonObject map
                && map.Any(entry => entry.Key.StartsWith("AutoModel", StringComparison.Ordinal)))
            throw Bad(config, "auto_map", "none: such a model is computed by Python code of its own; take one of the plain architecture");
        if (config.Node(BitsAndBytesConfig.Key) is JsonObject quantization) RefuseQuantization(config, quantization);
    }

    private static void RefuseQuantization(ModelConfig config, JsonObject q)
    {
        const string expected = "4 bits (nf4, fp4) or 8 bits of bitsandbytes, or no quantisation: take the model before it was quantised";
        if (BitsAndBytesConfig.Problem(q) is { } problem) throw Bad(config, problem.Field, problem.Found, expected);
        if (BitsAndBytesConfig.BadNames(q) is not { } found) return;
        var field = $"{BitsAndBytesConfig.Key}.{BitsAndBytesConfig.Skipped}";
        throw Bad(config, field, Short(found), "null or the names of modules that are not quantised: take the file of the model's source");
    }

    private static PeftException Bad(ModelConfig config, string field, string expected) =>
        Bad(config, field, Short(config.Json[field]!.ToJsonString()), expected);

    private static string Short(string text) => text.Length > 60 ? $"{text[..60]}…" : text;

    private static PeftException Bad(ModelConfig config, string field, string found, string expected) =>
        new($"{config.File}: field \"{field}\" is {found}; expected {expected}.");
}
