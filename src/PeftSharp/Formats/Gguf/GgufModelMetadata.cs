using System.Text.Json.Nodes;
using PeftSharp.Files.Gguf;
using PeftSharp.Models;
using PeftSharp.Sites;

namespace PeftSharp.Formats.Gguf;

/// <summary>A configuration as the metadata of a GGUF file.</summary>
internal static class GgufModelMetadata
{
    /// <summary>Adds what llama.cpp reads of the model.</summary>
    public static void Add(TransformerModel model, GgufArchitecture architecture, int vocabulary, GgufWriter writer)
    {
        var (config, name) = (model.Config, architecture.Name);
        GgufLimits.Require(model, architecture);
        var shape = model.Sites.Attentions[0].Shape;
        writer.Add($"{name}.vocab_size", vocabulary);
        if (config.ModelType == "t5")
        {
            AddT5(T5Config.Read(config), config, writer);
            return;
        }
        writer.Add($"{name}.context_length", model.MaxTokens);
        writer.Add($"{name}.embedding_length", model.Width);
        writer.Add($"{name}.block_count", model.Layers);
        var isOld = config.ModelType is "gpt2" or "falcon";
        writer.Add($"{name}.feed_forward_length", isOld
            ? (int)model.Sites.Projections.First(site => site.Role == ProjectionRole.Intermediate).OutFeatures
            : config.Size("intermediate_size"));
        writer.Add($"{name}.attention.head_count", shape.Heads);
        writer.Add($"{name}.attention.head_count_kv", shape.KeyHeads);
        writer.Add($"{name}.attention.key_length", shape.HeadDim);
        writer.Add($"{name}.attention.value_length", shape.HeadDim);
        if (isOld) writer.Add($"{name}.attention.layer_norm_epsilon", (float)config.Number("layer_norm_epsilon", 1e-5));
        else writer.Add($"{name}.attention.layer_norm_rms_epsilon",
            (float)config.Number("rms_norm_eps", config.ModelType == "phi3" ? 1e-5 : 1e-6));
        if (config.ModelType == "gpt2") return; // its positions are a table
        if (config.ModelType == "falcon") writer.Add("falcon.tensor_data_layout", "jploski");
        writer.Add($"{name}.rope.dimension_count", (int)Math.Round(shape.HeadDim * Share(config)));
        AddRotary(config, name, writer);
        if (GgufLimits.Window(config) is { } window) writer.Add($"{name}.attention.sliding_window", window);
        if (config.ModelType != "gemma2") return;
        foreach (var (cap, usual) in ((string, double)[])[("attn_logit_softcapping", 50), ("final_logit_softcapping", 30)])
            if (config.Has(cap) || !config.Json.ContainsKey(cap)) writer.Add($"{name}.{cap}", (float)config.Number(cap, usual));
    }

    private static void AddT5(T5Config shape, ModelConfig config, GgufWriter writer)
    {
        (string Key, int Value)[] numbers =
        [
            ("context_length", config.Has("n_positions") ? config.Size("n_positions") : 512), ("embedding_length", shape.Hidden),
            ("feed_forward_length", shape.Intermediate), ("block_count", shape.EncoderLayers), ("decoder_block_count", shape.DecoderLayers),
            ("decoder_start_token_id", shape.StartId), ("attention.head_count", shape.Attention.Heads),
            ("attention.key_length", shape.Attention.HeadDim), ("attention.value_length", shape.Attention.HeadDim),
            ("attention.relative_buckets_count", shape.Buckets),
        ];
        foreach (var (key, value) in numbers) writer.Add($"t5.{key}", value);
        foreach (var key in (string[])["layer_norm_epsilon", "layer_norm_rms_epsilon"])
            writer.Add($"t5.attention.{key}", (float)shape.Epsilon);
    }

    /// <summary>Heads of the attention, and of its keys, of an architecture whose rows the file orders otherwise.</summary>
    public static (int Query, int Key) Heads(ModelConfig config)
    {
        if (config.ModelType is "gpt2" or "t5")
        {
            var all = config.Size(config.ModelType == "t5" ? "num_heads" : "n_head");
            return (all, all);
        }
        if (config.ModelType == "falcon")
        {
            var shape = FalconConfig.Read(config).Attention;
            return (shape.Heads, shape.KeyHeads);
        }
        var heads = config.Size("num_attention_heads");
        return (heads, config.Has("num_key_value_heads") ? config.Size("num_key_value_heads") : config.ModelType == "mistral" ? 8 : heads);
    }

    /// <summary>By how much the wave of each pair is stretched, where a table says so (Llama 3.1); null elsewhere.</summary>
    public static float[]? Stretching(ModelConfig config, int width)
    {
        var settings = Rotary(config);
        if (Kind(settings) != "llama3") return null;
        double Number(string field) => settings[field]?.GetValue<double>() ?? throw new PeftException($"{config.File}: the rotary setting "
            + $"\"{field}\" is missing; restore the file.");
        var (factor, low, high, original) = (Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"),
            Number("original_max_position_embeddings"));
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
        if (settings["original_max_position_embeddings"]?.GetValue<double>() is { } original)
            writer.Add($"{name}.rope.scaling.original_context_length", (int)original);
    }

    private static double Share(ModelConfig config) =>
        (Rotary(config)["partial_rotary_factor"] ?? config.Json["partial_rotary_factor"])?.GetValue<double>() ?? 1;

    private static JsonObject Rotary(ModelConfig config) => config.Json["rope_parameters"] as JsonObject
        ?? config.Json["rope_scaling"] as JsonObject ?? [];

    private static string Kind(JsonObject settings) => (settings["rope_type"] ?? settings["type"])?.GetValue<string>() ?? "default";

    private static double Theta(ModelConfig config, JsonObject settings) => settings["rope_theta"]?.GetValue<double>()
        ?? config.Number("rope_theta", 10_000);
}
