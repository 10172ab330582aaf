using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Models;

/// <summary>
/// Fields of config.json that no model here has asked for and that are not known to leave the answer alone. Nobody can tell what such a
/// field means, so it is said, not refused.
/// </summary>
internal static class UnknownFields
{
    private const int MostNamed = 8;

    // What describes the file, training, caching or generation, and never what one forward pass computes, of any architecture; what only
    // one of them has, its entry names.
    private static readonly HashSet<string> Harmless =
    [
        // the file
        "architectures", "model_type", "transformers_version", "torch_dtype", "dtype", "_name_or_path", "_model_name_or_path",
        "name_or_path", "_commit_hash", "tokenizer_class", "tokenizer_name", "processor_class", "auto_map", "quantization_config",
        "language", "license", "model_name", "model_id", "adapters", "custom_heads", "prediction_heads", "adapter_fusion_models",
        "unsloth_version", "unsloth_fixed", "transformers.js_config", "sentence_transformers", "_attn_implementation",
        "_attn_implementation_autoset", "attn_implementation", "_flash_attn_2_enabled", "_experts_implementation",
        "_sliding_window_pattern",
        // the head, which the head's own fields describe
        "id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params", AnswerCard.Key,
        // token ids that only a tokenizer or generation uses
        "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "unk_token_id",
        "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id", "bad_words_ids", "suppress_tokens",
        "begin_suppress_tokens",
        // how it is run
        "use_cache", "output_attentions", "output_hidden_states", "output_past", "return_dict", "use_return_dict", "torchscript",
        "use_bfloat16", "tf_legacy_loss", "chunk_size_feed_forward", "gradient_checkpointing", "tie_encoder_decoder",
        "tie_word_embeddings", "is_composition", "legacy",
        // new weights
        "initializer_range", "initializer_factor", "initializer_cutoff_factor", "init_std", "initializer",
        // what first releases left in files of any kind and no version of transformers reads
        "cross_attention_hidden_size", "vocab_size_or_config_json_file", "_num_labels",
        // generation
        "max_length", "min_length", "max_new_tokens", "do_sample", "num_beams", "num_beam_groups", "diversity_penalty", "temperature",
        "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
        "num_return_sequences", "early_stopping", "output_scores", "return_dict_in_generate", "remove_invalid_values",
        "exponential_decay_length_penalty", "prefix",
    ];

    /// <summary>A sentence that names the unknown fields with their values; none where there are none.</summary>
    /// <param name="config">The configuration, after the model was made of it.</param>
    public static IReadOnlyList<string> Remarks(ModelConfig config)
    {
        var own = Architectures.Find(config.ModelType)?.FieldsWithoutEffect ?? [];
        bool IsKnown(string field) => Harmless.Contains(field) || own.Contains(field) || config.WasAsked(field);
        return Remarks(config.File, config.Json.Where(field => field.Value is not null && !IsKnown(field.Key)), "model");
    }

    /// <summary>The same of any file: a sentence that names fields with their values; none where there are none.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fields">Its fields that nothing here asks for.</param>
    /// <param name="what">What they may change: a model, an adapter.</param>
    public static IReadOnlyList<string> Remarks(string file, IEnumerable<KeyValuePair<string, JsonNode?>> fields, string what)
    {
        var unknown = fields.Select(field => $"{Quoted.Name(field.Key)} ({JsonFields.Describe(field.Value)})").ToList();
        if (unknown.Count == 0) return [];
        var named = string.Join(", ", unknown.Take(MostNamed))
            + (unknown.Count > MostNamed ? $" and {unknown.Count - MostNamed} more" : "");
        return
        [
            $"{file} has {(unknown.Count == 1 ? "a field" : "fields")} that this program does not know: {named}. "
            + $"Where such a field changes what the {what} computes, the answers here are not those of the program that wrote it.",
        ];
    }
}
