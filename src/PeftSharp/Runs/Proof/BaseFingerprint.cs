using System.Text.Json;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Models;

namespace PeftSharp.Runs.Proof;

/// <summary>
/// The base model as it lies on disk: the tensors that the model reads, under names without the base's prefix, so that it is the same for
/// one file or shards, and for a bare checkpoint or one with a head.
/// </summary>
public sealed record BaseFingerprint
{
    // What changes the arithmetic. Names of several architectures; those that a configuration lacks are not kept.
    private static readonly string[] Fields =
    [
        "model_type", "vocab_size", "type_vocab_size", "hidden_size", "dim", "n_embd", "num_hidden_layers", "n_layers", "n_layer",
        "num_attention_heads", "n_heads", "n_head", "num_key_value_heads", "head_dim", "intermediate_size", "hidden_dim", "n_inner",
        "max_position_embeddings", "n_positions", "hidden_act", "activation", "activation_function", "layer_norm_eps", "layer_norm_epsilon",
        "rms_norm_eps", "position_embedding_type", "sinusoidal_pos_embds", "rope_theta", "rope_scaling", "pad_token_id",
        "rope_parameters", "partial_rotary_factor", "original_max_position_embeddings", "sliding_window", "use_sliding_window",
        "max_window_layers",
        "layer_types", "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping", "attention_bias", "mlp_bias",
        "hidden_activation",
        "d_model", "d_kv", "d_ff", "num_heads", "num_layers", "num_decoder_layers", "feed_forward_proj", "relative_attention_num_buckets",
        "relative_attention_max_distance", "scale_attn_weights", "ffn_dim", "ffn_hidden_size", "word_embed_proj_dim",
        "do_layer_norm_before",
        "_remove_final_layer_norm", "enable_bias", "layer_norm_elementwise_affine", "alibi", "new_decoder_architecture", "multi_query",
        "parallel_attn",
        "num_kv_heads", "num_ln_in_parallel_attn", "bias", "embedding_size", "num_hidden_groups", "inner_group_num", "local_attention",
        "global_attn_every_n_layers", "global_rope_theta", "local_rope_theta", "norm_eps", "norm_bias", "classifier_pooling",
        "classifier_activation",
        "classifier_bias", "position_buckets", "max_relative_positions", "pos_att_type", "share_att_key", "relative_attention",
        "norm_rel_ebd",
        "position_biased_input", "pooler_hidden_act",
    ];

    /// <summary>The fields of <c>config.json</c> that change the arithmetic.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Config { get; init; }

    /// <summary>The tensors.</summary>
    public required WeightsPrint Weights { get; init; }

    /// <summary>Takes the fingerprint of a model folder.</summary>
    /// <param name="folder">The folder that the model was loaded from.</param>
    /// <param name="model">The model.</param>
    /// <param name="adapter">Left out is a head that this adapter brings along; null takes everything.</param>
    /// <exception cref="PeftException">The folder cannot be read.</exception>
    public static BaseFingerprint Of(string folder, TransformerModel model, PeftMethod? adapter)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var stored = new StoredNames(checkpoint);
        var replaced = Replaced(model, adapter);
        var elsewhere = SentenceLayout.HeadNames(checkpoint, Architectures.Of(model.Config));
        var names = model.Sites.Slots.Select(s => s.Name).Where(n => !replaced.Contains(n))
            .Select(
                n =>
                    elsewhere.TryGetValue(n, out var other) ? other
                        : n.StartsWith(model.BasePrefix, StringComparison.Ordinal) ? n[model.BasePrefix.Length..]
                        : n);
        return new() { Config = FieldsOf(ModelConfig.Read(folder)), Weights = WeightsPrint.Of([.. names.SelectMany(stored.WithParts)]) };
    }

    internal static Dictionary<string, JsonElement> FieldsOf(ModelConfig config) => Fields
        .Where(config.Has).ToDictionary(f => f, f => JsonSerializer.SerializeToElement(config.Json[f]));

    private static HashSet<string> Replaced(TransformerModel model, PeftMethod? adapter)
    {
        bool IsHead(string module) => model.SavedModules.Any(m => Targets.IsSavedModule(module, m));
        return adapter is null ? [] : [.. adapter.Tensors.Where(t => IsHead(t.Path)).Select(t => t.Name)];
    }
}
