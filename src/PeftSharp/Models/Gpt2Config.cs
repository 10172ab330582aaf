using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>What GPT-2 needs of its configuration.</summary>
internal sealed record Gpt2Config
{
    /// <summary>Rows of the word table.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads of the attention.</summary>
    public required AttentionShape Attention { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Rows of the position table.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Activation of the feed-forward block.</summary>
    public required string Activation { get; init; }

    /// <summary>Added to the variance in norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Dropout of the embeddings.</summary>
    public required double EmbeddingDropout { get; init; }

    /// <summary>Dropout of attention weights.</summary>
    public required double AttentionDropout { get; init; }

    /// <summary>Dropout at the end of residual branches.</summary>
    public required double ResidualDropout { get; init; }

    /// <summary>True if the output head is the embedding table.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Reads the fields as GPT-2 names them.</summary>
    /// <exception cref="PeftException">A field is missing, out of range, or asks for what is not supported.</exception>
    public static Gpt2Config Read(ModelConfig c)
    {
        var (hidden, heads) = (c.Size("n_embd", 1 << 16), c.Size("n_head", 1 << 10));
        if (hidden % heads != 0) throw new PeftException($"{c.File}: {heads} attention heads do not divide the width {hidden}.");
        foreach (var field in (string[])["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"])
            if (c.Flag(field)) throw new PeftException($"{c.File}: field \"{field}\" is true, which is not supported; only false is.");
        var scaled = !c.Has("scale_attn_weights") || c.Flag("scale_attn_weights");
        var attention = new AttentionShape(heads, heads, hidden / heads);
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Hidden = hidden,
            Layers = c.Size("n_layer", 1 << 10),
            Attention = scaled ? attention : attention with { Scale = 1 },
            Intermediate = c.Has("n_inner") ? c.Size("n_inner", 1 << 18) : 4 * hidden,
            MaxPositions = c.Size("n_positions"),
            Activation = c.Text("activation_function", "gelu_new"),
            Epsilon = c.Epsilon("layer_norm_epsilon", 1e-5),
            EmbeddingDropout = c.Probability("embd_pdrop", 0.1),
            AttentionDropout = c.Probability("attn_pdrop", 0.1),
            ResidualDropout = c.Probability("resid_pdrop", 0.1),
            TiedHead = !c.Has("tie_word_embeddings") || c.Flag("tie_word_embeddings"),
            InitializerRange = c.Deviation("initializer_range", 0.02),
        };
    }
}
