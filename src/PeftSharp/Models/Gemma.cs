using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>
/// Gemma (Gemma Team 2024, arXiv 2403.08295): Llama with scaled embeddings, norms that are stored around zero and a head that is the word
/// table.
/// </summary>
internal static class Gemma
{
    /// <summary>The activation of all Gemmas; the first configurations say <c>gelu</c> and mean it.</summary>
    private const string UsualActivation = "gelu_pytorch_tanh";

    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "gemma",
        ClassName = "Gemma",
        Prefix = "model.",
        Paper = "Gemma Team 2024, arXiv 2403.08295",
        Tasks = [.. Architecture.DecoderTasks.Where(task => task != Heads.TaskKind.QuestionAnswering)],
        Create = plan =>
            LlamaModel.Of(
                plan, Read(plan.Config, new() { HeadDim = 256, Activation = UsualActivation, TiedHead = true, MaxPositions = 8192 })),
        Tiny = width => $$"""
            { "model_type": "gemma", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 1, "head_dim": 12, "intermediate_size": 56, "max_position_embeddings": 41,
              "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-5, "rope_theta": 500.0, "attention_dropout": 0.1,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    /// <summary>What Gemma and Gemma 2 have in common.</summary>
    internal static DecoderConfig Read(ModelConfig c, DecoderDefaults defaults)
    {
        if (c.Flag("use_bidirectional_attention"))
            throw new PeftException(
                $"{c.File}: field \"use_bidirectional_attention\" is true; only models whose tokens see those before them are supported.");
        var shape = DecoderConfig.Read(c, defaults);
        var activation = c.Has("hidden_activation") ? c.Text("hidden_activation") : c.Text("hidden_act", UsualActivation);
        return shape with
        {
            EmbeddingScale = Math.Sqrt(shape.Shape.Hidden),
            Shape = shape.Shape with
            {
                Norm = NormKind.RmsOnePlus,
                Activation = Activation.Known(activation == "gelu" ? UsualActivation : activation, c.File),
                FeedForwardBias = false,
            },
        };
    }
}
