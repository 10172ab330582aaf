namespace PeftSharp.Models;

/// <summary>Mistral (Jiang et al. 2023, arXiv 2310.06825): Llama whose queries see the last keys alone, in every layer.</summary>
internal static class Mistral
{
    private const int UsualWindow = 4096;

    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "mistral",
        ClassName = "Mistral",
        Prefix = "model.",
        Paper = "Jiang et al. 2023, arXiv 2310.06825",
        Tasks = Architecture.DecoderTasks,
        Create = plan => LlamaModel.Of(plan, Read(plan.Config)),
        Tiny = width => $$"""
            { "model_type": "mistral", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 56, "max_position_embeddings": 41, "sliding_window": 8,
              "rms_norm_eps": 1e-5, "rope_theta": 500.0, "attention_dropout": 0.1, "tie_word_embeddings": false, "pad_token_id": 3,
              "initializer_range": 0.2 }
            """,
    };

    private static DecoderConfig Read(ModelConfig c)
    {
        // A window of null is none; where the field is missing, transformers takes that of the first release.
        int? window = c.Has("sliding_window") ? c.Size("sliding_window") : c.Json.ContainsKey("sliding_window") ? null : UsualWindow;
        var shape = DecoderConfig.Read(c, new() { KeyHeads = 8, MaxPositions = 1 << 17 });
        return shape.WithWindow(c, window, _ => true);
    }
}
