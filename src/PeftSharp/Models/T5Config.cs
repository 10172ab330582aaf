using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>What T5 needs of its configuration.</summary>
internal sealed record T5Config
{
    /// <summary>Rows of the word table.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers of the encoder.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>Layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Heads; their joined width need not be the residual stream's. Scores are not scaled.</summary>
    public required AttentionShape Attention { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Activation of the feed-forward block.</summary>
    public required string Activation { get; init; }

    /// <summary>True if a second map gates the feed-forward block.</summary>
    public required bool Gated { get; init; }

    /// <summary>Buckets of relative positions.</summary>
    public required int Buckets { get; init; }

    /// <summary>Distance from which all fall into the last bucket.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>Added to the mean of squares in norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Dropout everywhere.</summary>
    public required double Dropout { get; init; }

    /// <summary>Dropout in heads of classes.</summary>
    public required double HeadDropout { get; init; }

    /// <summary>True if the decoder's output is scaled by 1 / √width before the output head.</summary>
    public required bool ScaledOutput { get; init; }

    /// <summary>Id of padding.</summary>
    public required int PadId { get; init; }

    /// <summary>Id that begins the decoder's input.</summary>
    public required int StartId { get; init; }

    /// <summary>Id that ends a text.</summary>
    public required int EndId { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Reads the fields of either generation of configurations.</summary>
    /// <exception cref="PeftException">A field is missing or out of range.</exception>
    public static T5Config Read(ModelConfig c)
    {
        var feedForward = c.Text("feed_forward_proj", "relu");
        var gated = feedForward.StartsWith("gated-", StringComparison.Ordinal);
        var activation = gated ? feedForward["gated-".Length..] : feedForward;
        // T5 1.1 says "gated-gelu" and means the approximation by tanh.
        if (gated && activation == "gelu") activation = "gelu_new";
        RefuseOthers(c, gated, activation);
        var tied = !c.Has("tie_word_embeddings") || c.Flag("tie_word_embeddings");
        var layers = c.Size("num_layers", 1 << 10);
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Hidden = c.Size("d_model", 1 << 16),
            EncoderLayers = layers,
            DecoderLayers = c.Has("num_decoder_layers") ? c.Size("num_decoder_layers", 1 << 10) : layers,
            Attention = Heads(c.Size("num_heads", 1 << 10), c.Size("d_kv", 1 << 12)),
            Intermediate = c.Size("d_ff", 1 << 18),
            Activation = activation,
            Gated = gated,
            Buckets = c.Has("relative_attention_num_buckets") ? c.Size("relative_attention_num_buckets", 1 << 16) : 32,
            MaxDistance = c.Has("relative_attention_max_distance") ? c.Size("relative_attention_max_distance") : 128,
            Epsilon = c.Epsilon("layer_norm_epsilon", 1e-6),
            Dropout = c.Probability("dropout_rate", 0.1),
            HeadDropout = c.Probability("classifier_dropout", 0),
            ScaledOutput = c.Has("scale_decoder_outputs") ? c.Flag("scale_decoder_outputs") : tied,
            PadId = c.Int("pad_token_id", 0),
            StartId = c.Int("decoder_start_token_id", c.Int("pad_token_id", 0)),
            EndId = c.Int("eos_token_id", 1),
            InitializerRange = 0.05 * c.Deviation("initializer_factor", 1),
        };
    }

    // Fields that say the same once more, and those of models that are no T5.
    private static void RefuseOthers(ModelConfig c, bool gated, string activation)
    {
        if (c.Has("is_gated_act") && c.Flag("is_gated_act") != gated)
            throw Contradiction(c, "is_gated_act", gated ? "true" : "false");
        if (c.Text("dense_act_fn", activation) is var named && named != activation)
            throw Contradiction(c, "dense_act_fn", $"\"{activation}\"");
        if (c.Flag("is_decoder") || (c.Has("is_encoder_decoder") && !c.Flag("is_encoder_decoder")))
            throw new PeftException(
                $"{c.File}: the fields \"is_decoder\" and \"is_encoder_decoder\" ask for one stack of T5; expected an encoder with "
                + "a decoder.");
    }

    private static PeftException Contradiction(ModelConfig c, string field, string expected) =>
        new(
            $"{c.File}: field \"{field}\" is {Files.Json.JsonFields.Describe(c.Node(field))}, but \"feed_forward_proj\" asks "
            + $"for {expected}.");

    private static AttentionShape Heads(int heads, int width) => new(heads, heads, width) { Scale = 1 };
}
