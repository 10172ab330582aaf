namespace PeftSharp.Models;

/// <summary>Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv 2407.10671): Llama whose queries, keys and values have biases.</summary>
internal static class Qwen2
{
    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "qwen2",
        ClassName = "Qwen2",
        Prefix = "model.",
        Paper = "Yang et al. 2024, arXiv 2407.10671",
        Tasks = Architecture.DecoderTasks,
        FieldsWithoutEffect = ["max_window_layers"],
        Create = plan => LlamaModel.Of(plan, Read(plan.Config)),
        Tiny = width => $$"""
            { "model_type": "qwen2", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 56, "max_position_embeddings": 41, "rms_norm_eps": 1e-5,
              "rope_theta": 500.0, "use_sliding_window": true, "sliding_window": 4, "max_window_layers": 1, "attention_dropout": 0.1,
              "tie_word_embeddings": true, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    private static DecoderConfig Read(ModelConfig c)
    {
        var shape = DecoderConfig.Read(c, new() { MaxPositions = 1 << 15 });
        shape = shape with { Shape = shape.Shape with { InputBias = true, OutputBias = false } };
        return shape.WithWindow(c, Window(c), Below(c));
    }

    /// <summary>The sliding window, where it is switched on.</summary>
    internal static int? Window(ModelConfig c)
    {
        if (!c.Flag("use_sliding_window")) return null;
        if (c.Has("sliding_window")) return c.Size("sliding_window");
        return c.Json.ContainsKey("sliding_window") ? null : 4096;
    }

    /// <summary>Which layers have it: those from <c>max_window_layers</c> on.</summary>
    internal static Func<int, bool> Below(ModelConfig c)
    {
        var first = c.Int("max_window_layers", 28);
        return layer => layer >= first;
    }
}
