namespace PeftSharp.Models;

/// <summary>
/// Gemma 2 (Gemma Team 2024, arXiv 2408.00118): Gemma with norms behind its branches, bounded scores and logits, a window in every other
/// layer.
/// </summary>
internal static class Gemma2
{
    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "gemma2",
        ClassName = "Gemma2",
        Prefix = "model.",
        Paper = "Gemma Team 2024, arXiv 2408.00118",
        Tasks = Gemma.Architecture.Tasks,
        FieldsWithoutEffect = ["cache_implementation"],
        Create = plan => LlamaModel.Of(plan, Read(plan.Config)),
        Tiny = width => $$"""
            { "model_type": "gemma2", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "head_dim": 12, "intermediate_size": 56, "max_position_embeddings": 41, "rms_norm_eps": 1e-5,
              "rope_theta": 500.0, "sliding_window": 4, "query_pre_attn_scalar": 9, "attn_logit_softcapping": 3.0,
              "final_logit_softcapping": 7.0, "attention_dropout": 0.1, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    private static DecoderConfig Read(ModelConfig c)
    {
        var shape =
            Gemma.Read(c, new() { KeyHeads = 4, HeadDim = 256, Activation = "gelu_pytorch_tanh", TiedHead = true, MaxPositions = 8192 });
        var attention = shape.Shape.Attention with
        {
            Scale = 1 / Math.Sqrt(Positive(c, "query_pre_attn_scalar", 256)!.Value),
            SoftCap = Positive(c, "attn_logit_softcapping", 50),
        };
        shape = shape with
        {
            Shape = shape.Shape with { Attention = attention, BranchNorms = true },
            LogitCap = Positive(c, "final_logit_softcapping", 30),
        };
        int? window = c.Has("sliding_window") ? c.Size("sliding_window") : c.Json.ContainsKey("sliding_window") ? null : 4096;
        return shape.WithWindow(c, window, layer => layer % 2 == 0);
    }

    // A cap of null is none; where the field is missing, transformers has that of the first release.
    private static double? Positive(ModelConfig c, string field, double usual)
    {
        if (c.Json.ContainsKey(field) && !c.Has(field) && field.EndsWith("capping", StringComparison.Ordinal)) return null;
        var number = c.Number(field, usual);
        return number > 0 ? number : throw new PeftException($"{c.File}: field \"{field}\" is {number}; expected a number above 0.");
    }
}
