using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>What OPT needs of its configuration.</summary>
internal sealed record OptConfig
{
    /// <summary>Rows of the word table.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Width of the word table, and of what the heads read.</summary>
    public required int WordWidth { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads.</summary>
    public required AttentionShape Attention { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Longest sequence: rows of the position table but two.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Activation of the feed-forward block.</summary>
    public required string Activation { get; init; }

    /// <summary>Dropout at the end of residual branches.</summary>
    public required double ResidualDropout { get; init; }

    /// <summary>Dropout of attention weights.</summary>
    public required double AttentionDropout { get; init; }

    /// <summary>True if norms stand before the branches, false if behind the sums (350M).</summary>
    public required bool NormsBefore { get; init; }

    /// <summary>True if a norm follows the last layer.</summary>
    public required bool LastNorm { get; init; }

    /// <summary>True if linear maps have biases.</summary>
    public required bool HasBias { get; init; }

    /// <summary>True if the output head is the embedding table.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Reads the fields as OPT names them.</summary>
    /// <exception cref="PeftException">A field is missing, out of range, or asks for what is not supported.</exception>
    public static OptConfig Read(ModelConfig c)
    {
        HarmfulFields.Refuse(c);
        var (hidden, heads) = (c.Size("hidden_size", 1 << 16), c.Size("num_attention_heads", 1 << 10));
        if (hidden % heads != 0) throw new PeftException($"{c.File}: {heads} attention heads do not divide the width {hidden}.");
        bool Flag(string field) => !c.Has(field) || c.Flag(field);
        if (!Flag("layer_norm_elementwise_affine"))
            throw new PeftException(
                $"{c.File}: field \"layer_norm_elementwise_affine\" is false; only true is supported: norms have a scale and a shift.");
        if (c.Probability("activation_dropout", 0) > 0)
            throw new PeftException(
                $"{c.File}: field \"activation_dropout\" is {c.Number("activation_dropout", 0)}; only 0 is supported, as in transformers.");
        var before = Flag("do_layer_norm_before");
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Hidden = hidden,
            WordWidth = c.Has("word_embed_proj_dim") ? c.Size("word_embed_proj_dim", 1 << 16) : hidden,
            Layers = c.Size("num_hidden_layers", 1 << 10),
            Attention = new(heads, heads, hidden / heads),
            Intermediate = c.Size("ffn_dim", 1 << 18),
            MaxPositions = c.Size("max_position_embeddings"),
            Activation = Sites.Activation.Known(c.Text("activation_function", "relu"), c.File),
            ResidualDropout = c.Probability("dropout", 0.1),
            AttentionDropout = c.Probability("attention_dropout", 0),
            NormsBefore = before,
            LastNorm = before && !c.Flag("_remove_final_layer_norm"),
            HasBias = Flag("enable_bias"),
            TiedHead = Flag("tie_word_embeddings"),
            InitializerRange = c.Deviation("init_std", 0.02),
        };
    }
}
