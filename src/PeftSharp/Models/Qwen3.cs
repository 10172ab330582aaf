namespace PeftSharp.Models;

/// <summary>
/// Qwen3 (Yang et al. 2025, arXiv 2505.09388): Llama with a norm over the queries and keys of each head, before they are turned.
/// </summary>
internal static class Qwen3
{
    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "qwen3",
        ClassName = "Qwen3",
        Prefix = "model.",
        Paper = "Yang et al. 2025, arXiv 2505.09388",
        Tasks = Architecture.DecoderTasks,
        FieldsWithoutEffect = ["max_window_layers"],
        Create = plan => LlamaModel.Of(plan, Read(plan.Config)),
        Tiny = width => $$"""
            { "model_type": "qwen3", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "head_dim": 12, "intermediate_size": 56, "max_position_embeddings": 41, "rms_norm_eps": 1e-5,
              "rope_parameters": { "rope_type": "default", "rope_theta": 500.0 }, "attention_bias": true, "attention_dropout": 0.1,
              "tie_word_embeddings": false, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    private static DecoderConfig Read(ModelConfig c)
    {
        var shape = DecoderConfig.Read(c, new() { KeyHeads = 32, HeadDim = 128, MaxPositions = 1 << 15 });
        shape = shape with { Shape = shape.Shape with { QueryKeyNorms = true, FeedForwardBias = false } };
        return shape.WithWindow(c, Qwen2.Window(c), Qwen2.Below(c));
    }
}
