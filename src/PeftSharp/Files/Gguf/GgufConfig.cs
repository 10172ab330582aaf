using System.Text.Json.Nodes;

namespace PeftSharp.Files.Gguf;

/// <summary>The <c>config.json</c> that the metadata of a GGUF file stands for.</summary>
internal static class GgufConfig
{
    private const int Largest = 1 << 24;

    /// <summary>The distance of T5 from which all fall into the last bucket: a file cannot say another.</summary>
    public const int FarthestOfT5 = 128;

    /// <summary>Makes the configuration.</summary>
    /// <exception cref="PeftException">The file lacks what a model needs, or is of a kind that can't be read.</exception>
    public static JsonObject Of(GgufFile file)
    {
        var architecture = GgufArchitecture.Of(file);
        var (name, metadata) = (architecture.Name, file.Metadata);
        if (name is "gpt2" or "falcon" or "t5")
            return Whole(name == "gpt2" ? Gpt2(file) : name == "t5" ? T5(file) : Falcon(file), file, architecture);
        int Size(string key) => metadata.RequiredInt($"{name}.{key}", Largest);
        if (metadata.Int($"{name}.expert_count") is > 0 and var experts)
            throw new PeftException($"{file.Path} is a mixture of {experts} experts, which can't be read; take a dense model.");
        var (hidden, heads) = (Size("embedding_length"), Heads(file, keys: false));
        var turned = metadata.Int($"{name}.rope.dimension_count", Largest);
        // Phi alone turns a part of a head's numbers.
        var headDim = metadata.Int($"{name}.attention.key_length", Largest) ?? (name == "phi3" ? null : turned) ?? hidden / heads;
        if (turned is { } part && part != headDim && name != "phi3")
            throw metadata.Wrong($"{name}.rope.dimension_count", $"{headDim}, the width of a head");
        var config = new JsonObject
        {
            ["hidden_size"] = hidden,
            ["intermediate_size"] = Size("feed_forward_length"),
            ["num_hidden_layers"] = Size("block_count"),
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = Heads(file, keys: true),
            ["head_dim"] = headDim,
            ["max_position_embeddings"] = Size("context_length"),
            ["rms_norm_eps"] = metadata.Number($"{name}.attention.layer_norm_rms_epsilon")
                ?? throw metadata.Missing($"{name}.attention.layer_norm_rms_epsilon"),
            ["rope_parameters"] = GgufRotary.Of(file, name, headDim, (double)(turned ?? headDim) / headDim),
        };
        AddOwn(config, file, architecture, hidden / heads);
        return Whole(config, file, architecture);
    }

    // With what all have.
    private static JsonObject Whole(JsonObject config, GgufFile file, GgufArchitecture architecture)
    {
        var metadata = file.Metadata;
        config["architectures"] = new JsonArray(architecture.LanguageClass);
        config["model_type"] = architecture.ModelType;
        config["vocab_size"] = Vocabulary(file);
        config["tie_word_embeddings"] = !file.Tensors.ContainsKey("output.weight");
        config["dtype"] = "float32";
        foreach (var (field, key) in ((string, string)[])[("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")])
            if (metadata.Int($"tokenizer.ggml.{key}_token_id") is { } id) config[field] = id;
        // As it would come from a file: kinds of numbers are those of JSON.
        return (JsonObject)JsonNode.Parse(config.ToJsonString())!;
    }

    private static JsonObject Gpt2(GgufFile file)
    {
        int Size(string key) => file.Metadata.RequiredInt($"gpt2.{key}", Largest);
        return new()
        {
            ["n_embd"] = Size("embedding_length"),
            ["n_inner"] = Size("feed_forward_length"),
            ["n_layer"] = Size("block_count"),
            ["n_head"] = Heads(file, keys: false),
            ["n_positions"] = Size("context_length"),
            ["layer_norm_epsilon"] = Epsilon(file),
            ["activation_function"] = "gelu_new",
        };
    }

    private static JsonObject Falcon(GgufFile file)
    {
        int Size(string key) => file.Metadata.RequiredInt($"falcon.{key}", Largest);
        var (hidden, heads, keys) = (Size("embedding_length"), Heads(file, keys: false), Heads(file, keys: true));
        var (width, norms) = (hidden / heads, GgufArchitecture.HasTwoNorms(file) ? 2 : 1);
        if (file.Metadata.Int("falcon.rope.dimension_count", Largest) is { } turned && turned != width)
            throw file.Metadata.Wrong("falcon.rope.dimension_count", $"{width}, the width of a head");
        return new()
        {
            ["hidden_size"] = hidden,
            ["ffn_hidden_size"] = Size("feed_forward_length"),
            ["num_hidden_layers"] = Size("block_count"),
            ["num_attention_heads"] = heads,
            ["num_kv_heads"] = keys,
            ["new_decoder_architecture"] = keys > 1 || norms == 2,
            ["num_ln_in_parallel_attn"] = norms,
            ["multi_query"] = true,
            ["parallel_attn"] = true,
            ["bias"] = false,
            ["alibi"] = false,
            ["activation"] = "gelu",
            ["max_position_embeddings"] = Size("context_length"),
            ["layer_norm_epsilon"] = Epsilon(file),
            ["rope_parameters"] = GgufRotary.Of(file, "falcon", width, 1),
        };
    }

    private static JsonObject T5(GgufFile file)
    {
        int Size(string key) => file.Metadata.RequiredInt($"t5.{key}", Largest);
        var (hidden, heads, layers) = (Size("embedding_length"), Heads(file, keys: false), Size("block_count"));
        var config = new JsonObject
        {
            ["d_model"] = hidden,
            ["d_ff"] = Size("feed_forward_length"),
            ["d_kv"] = file.Metadata.Int("t5.attention.key_length", Largest) ?? hidden / heads,
            ["num_layers"] = layers,
            ["num_decoder_layers"] = file.Metadata.Int("t5.decoder_block_count", Largest) ?? layers,
            ["num_heads"] = heads,
            ["relative_attention_num_buckets"] = Size("attention.relative_buckets_count"),
            ["relative_attention_max_distance"] = FarthestOfT5,
            ["layer_norm_epsilon"] = file.Metadata.Number("t5.attention.layer_norm_rms_epsilon")
                ?? throw file.Metadata.Missing("t5.attention.layer_norm_rms_epsilon"),
            ["feed_forward_proj"] = GgufArchitecture.HasGate(file) ? "gated-gelu" : "relu",
            ["n_positions"] = Size("context_length"),
        };
        if (file.Metadata.Int("t5.decoder_start_token_id") is { } start) config["decoder_start_token_id"] = start;
        return config;
    }

    private static double Epsilon(GgufFile file) => file.Metadata.Number($"{file.Architecture}.attention.layer_norm_epsilon")
        ?? throw file.Metadata.Missing($"{file.Architecture}.attention.layer_norm_epsilon");

    /// <summary>Heads of the attention, or of its keys and values.</summary>
    public static int Heads(GgufFile file, bool keys)
    {
        var key = $"{file.Architecture}.attention.head_count";
        var heads = (keys ? file.Metadata.Int($"{key}_kv", 1 << 16) : null) ?? file.Metadata.RequiredInt(key, 1 << 16);
        return heads > 0 ? heads
            : throw file.Metadata.Wrong(keys && file.Metadata.Has($"{key}_kv") ? $"{key}_kv" : key, "at least one head");
    }

    private static void AddOwn(JsonObject config, GgufFile file, GgufArchitecture architecture, int perHead)
    {
        var metadata = file.Metadata;
        var isGemma = architecture.ModelType.StartsWith("gemma", StringComparison.Ordinal);
        config[isGemma ? "hidden_activation" : "hidden_act"] = isGemma ? "gelu_pytorch_tanh" : "silu";
        if (architecture.ModelType is "llama" or "qwen3") config["attention_bias"] = file.Tensors.ContainsKey("blk.0.attn_q.bias");
        if (architecture.ModelType == "llama" && file.Tensors.ContainsKey("blk.0.ffn_gate.bias")) config["mlp_bias"] = true;
        if (metadata.Int($"{architecture.Name}.attention.sliding_window") is > 0 and var window) config["sliding_window"] = window;
        if (architecture.ModelType != "gemma2") return;
        foreach (var (field, key) in ((string, string)[])[("attn_logit_softcapping", "attn_logit_softcapping"),
            ("final_logit_softcapping", "final_logit_softcapping")])
            if (metadata.Number($"gemma2.{key}") is { } cap) config[field] = cap;
        // The one size of Gemma 2 whose scale is not that of its head's width.
        config["query_pre_attn_scalar"] = metadata.Int("gemma2.block_count") == 46 ? perHead : config["head_dim"]!.GetValue<int>();
    }

    private static int Vocabulary(GgufFile file) => file.Tensors.TryGetValue("token_embd.weight", out var table)
        && table.Shape is [var rows, _] && rows <= Largest ? (int)rows
        : throw new PeftException($"{file.Path} has no tensor \"token_embd.weight\" of two dimensions, the table of words that every "
            + "model has; convert the model again.");
}
