using System.Text.Json.Nodes;
using PeftSharp.Files.Gguf;
using PeftSharp.Models;

namespace PeftSharp.Formats.Gguf;

/// <summary>A configuration as the metadata of a GGUF file.</summary>
internal static class GgufModelMetadata
{
    /// <summary>Adds what llama.cpp reads of the model.</summary>
    public static void Add(TransformerModel model, GgufArchitecture architecture, int vocabulary, GgufWriter writer)
    {
        var (config, name) = (model.Config, architecture.Name);
        var (heads, width) = (Heads(config, keys: false), HeadWidth(config));
        writer.Add($"{name}.vocab_size", vocabulary);
        writer.Add($"{name}.context_length", config.Int("max_position_embeddings", 2048));
        writer.Add($"{name}.embedding_length", config.Size("hidden_size"));
        writer.Add($"{name}.block_count", config.Size("num_hidden_layers"));
        writer.Add($"{name}.feed_forward_length", config.Size("intermediate_size"));
        writer.Add($"{name}.attention.head_count", heads);
        writer.Add($"{name}.attention.head_count_kv", Heads(config, keys: true));
        writer.Add($"{name}.attention.key_length", width);
        writer.Add($"{name}.attention.value_length", width);
        writer.Add($"{name}.attention.layer_norm_rms_epsilon", (float)config.Number("rms_norm_eps", 1e-6));
        writer.Add($"{name}.rope.dimension_count", width);
        AddRotary(config, name, writer);
        if (config.Has("sliding_window") && config.ModelType is "gemma2" or "phi3") writer.Add($"{name}.attention.sliding_window",
            config.Size("sliding_window"));
        else if (config.ModelType == "mistral" && config.Has("sliding_window")
            && config.Size("sliding_window") < config.Int("max_position_embeddings", 2048))
            throw new PeftException($"{config.File}: \"sliding_window\" is {config.Size("sliding_window")}, which GGUF files of this "
                + "architecture cannot say; keep the model in Hugging Face's layout.");
        if (config.ModelType != "gemma2") return;
        foreach (var cap in (string[])["attn_logit_softcapping", "final_logit_softcapping"])
            if (config.Has(cap)) writer.Add($"{name}.{cap}", (float)config.Number(cap, 0));
    }

    /// <summary>Heads of the attention, or of its keys.</summary>
    public static int Heads(ModelConfig config, bool keys) =>
        keys && config.Has("num_key_value_heads") ? config.Size("num_key_value_heads") : config.Size("num_attention_heads");

    /// <summary>By how much the wave of each pair is stretched, where a table says so (Llama 3.1); null elsewhere.</summary>
    public static float[]? Stretching(ModelConfig config)
    {
        var settings = Rotary(config);
        if (Kind(settings) != "llama3") return null;
        double Number(string field) => settings[field]?.GetValue<double>() ?? throw new PeftException($"{config.File}: the rotary setting "
            + $"\"{field}\" is missing; restore the file.");
        var (factor, low, high, original) = (Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"),
            Number("original_max_position_embeddings"));
        var width = HeadWidth(config);
        return [.. Enumerable.Range(0, width / 2)
            .Select(i => (float)Factor(2 * Math.PI * Math.Pow(Theta(config, settings), 2.0 * i / width)))];

        double Factor(double wave)
        {
            if (wave < original / high) return 1;
            if (wave > original / low) return factor;
            var smooth = (original / wave - low) / (high - low);
            return 1 / ((1 - smooth) / factor + smooth);
        }
    }

    private static void AddRotary(ModelConfig config, string name, GgufWriter writer)
    {
        var settings = Rotary(config);
        writer.Add($"{name}.rope.freq_base", (float)Theta(config, settings));
        var kind = Kind(settings);
        if (kind is "default" or "llama3") return;
        if (kind is not ("linear" or "yarn"))
            throw new PeftException($"{config.File}: the rotary type \"{kind}\" has no place in GGUF; supported are default, linear, "
                + "llama3 and yarn.");
        writer.Add($"{name}.rope.scaling.type", kind);
        writer.Add($"{name}.rope.scaling.factor", (float)(settings["factor"]?.GetValue<double>() ?? 1));
        if (settings["original_max_position_embeddings"]?.GetValue<double>() is { } original) writer.Add($"{name}.rope.scaling.original_context_length", (int)original);
    }

    private static int HeadWidth(ModelConfig config) => config.Has("head_dim") ? config.Size("head_dim")
        : config.Size("hidden_size") / Heads(config, keys: false);

    private static JsonObject Rotary(ModelConfig config) => config.Json["rope_parameters"] as JsonObject
        ?? config.Json["rope_scaling"] as JsonObject ?? [];

    private static string Kind(JsonObject settings) => (settings["rope_type"] ?? settings["type"])?.GetValue<string>() ?? "default";

    private static double Theta(ModelConfig config, JsonObject settings) => settings["rope_theta"]?.GetValue<double>()
        ?? config.Number("rope_theta", 10_000);
}
