namespace PeftSharp.Models;

/// <summary>
/// Phi-3 and Phi-4 (Abdin et al. 2024, arXiv 2404.14219): Llama with one map for queries, keys and values and one for gate and input, and
/// LongRoPE.
/// </summary>
internal static class Phi3
{
    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "phi3",
        ClassName = "Phi3",
        Prefix = "model.",
        Paper = "Abdin et al. 2024, arXiv 2404.14219",
        Tasks = Gemma.Architecture.Tasks,
        Create = plan => LlamaModel.Of(plan, Read(plan.Config)),
        Tiny = width => $$"""
            { "model_type": "phi3", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 56, "max_position_embeddings": 41, "original_max_position_embeddings": 41,
              "rms_norm_eps": 1e-5, "rope_theta": 500.0, "partial_rotary_factor": 0.5, "sliding_window": 8, "attention_dropout": 0.1,
              "resid_pdrop": 0.15, "embd_pdrop": 0.0, "tie_word_embeddings": false, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    private static DecoderConfig Read(ModelConfig c)
    {
        // LongRoPE alone reads it.
        _ = c.Has("original_max_position_embeddings");
        if (c.Probability("embd_pdrop", 0) > 0)
            throw new PeftException(
                $"{c.File}: field \"embd_pdrop\" is {c.Number("embd_pdrop", 0)}; only 0 is supported, as transformers drops no "
                + "embeddings of Phi-3.");
        var shape = DecoderConfig.Read(c, new() { MaxPositions = 4096, Epsilon = 1e-5, PartialRotary = true, MayNameCode = true });
        shape = shape with
        {
            Shape = shape.Shape with
            {
                FusedMaps = true,
                InputBias = false,
                OutputBias = false,
                FeedForwardBias = false,
                ResidualDropout = c.Probability("resid_pdrop", 0),
            },
        };
        return shape.WithWindow(c, c.Has("sliding_window") ? c.Size("sliding_window") : null, _ => true);
    }
}
