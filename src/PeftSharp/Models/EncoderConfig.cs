namespace PeftSharp.Models;

/// <summary>What encoders need of their configuration, under one set of names.</summary>
internal sealed record EncoderConfig
{
    /// <summary>Rows of the word table.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Width of the embedding tables, where it is not that of the residual stream.</summary>
    public int? EmbeddingSize { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads; divides the width.</summary>
    public required int Heads { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Rows of the position table.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Rows of the segment table; 0 if there is none.</summary>
    public required int TypeVocabulary { get; init; }

    /// <summary>Activation of the feed-forward block.</summary>
    public required string Activation { get; init; }

    /// <summary>Added to the variance in norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Dropout of hidden states.</summary>
    public required double HiddenDropout { get; init; }

    /// <summary>Dropout of attention weights.</summary>
    public required double AttentionDropout { get; init; }

    /// <summary>Dropout before the classifier.</summary>
    public required double HeadDropout { get; init; }

    /// <summary>Id of the padding token.</summary>
    public required int PadId { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Reads the fields as BERT and RoBERTa name them.</summary>
    public static EncoderConfig Bert(ModelConfig c, int padId) => Checked(c, new()
    {
        Vocabulary = c.Size("vocab_size"),
        Hidden = c.Size("hidden_size", 1 << 16),
        Layers = c.Size("num_hidden_layers", 1 << 10),
        Heads = c.Size("num_attention_heads", 1 << 10),
        Intermediate = c.Size("intermediate_size", 1 << 18),
        MaxPositions = c.Size("max_position_embeddings"),
        TypeVocabulary = c.Int("type_vocab_size", 2),
        Activation = c.Text("hidden_act", "gelu"),
        Epsilon = c.Epsilon("layer_norm_eps", 1e-12),
        HiddenDropout = c.Probability("hidden_dropout_prob", 0.1),
        AttentionDropout = c.Probability("attention_probs_dropout_prob", 0.1),
        HeadDropout = c.Probability("classifier_dropout", c.Probability("hidden_dropout_prob", 0.1)),
        PadId = c.Int("pad_token_id", padId),
        InitializerRange = c.Deviation("initializer_range", 0.02),
    });

    /// <summary>Reads the fields as DistilBERT names them.</summary>
    public static EncoderConfig DistilBert(ModelConfig c) => Checked(c, new()
    {
        Vocabulary = c.Size("vocab_size"),
        Hidden = c.Size("dim", 1 << 16),
        Layers = c.Size("n_layers", 1 << 10),
        Heads = c.Size("n_heads", 1 << 10),
        Intermediate = c.Size("hidden_dim", 1 << 18),
        MaxPositions = c.Size("max_position_embeddings"),
        TypeVocabulary = 0,
        Activation = c.Text("activation", "gelu"),
        Epsilon = 1e-12,
        HiddenDropout = c.Probability("dropout", 0.1),
        AttentionDropout = c.Probability("attention_dropout", 0.1),
        HeadDropout = c.Probability("seq_classif_dropout", 0.2),
        PadId = c.Int("pad_token_id", 0),
        InitializerRange = c.Deviation("initializer_range", 0.02),
    });

    private static EncoderConfig Checked(ModelConfig source, EncoderConfig c)
    {
        if (c.Hidden % c.Heads != 0)
            throw new PeftException($"{source.File}: {c.Heads} attention heads do not divide the width {c.Hidden}.");
        Sites.Activation.Known(c.Activation, source.File);
        if (source.Text("position_embedding_type", "absolute") is var kind and not "absolute")
            throw new PeftException($"{source.File}: field \"position_embedding_type\" is \"{kind}\"; only \"absolute\" is supported.");
        foreach (var field in (string[])["is_decoder", "add_cross_attention"])
            if (source.Flag(field))
                throw new PeftException(
                    $"{source.File}: field \"{field}\" is true; only encoders are supported, whose tokens see those after them.");
        HarmfulFields.Refuse(source);
        return c;
    }

    internal int EmbeddingWidth => EmbeddingSize ?? Hidden;

    internal Blocks.EncoderShape Shape => new(Hidden, Heads, Intermediate, Activation, Epsilon, HiddenDropout, AttentionDropout);
}
