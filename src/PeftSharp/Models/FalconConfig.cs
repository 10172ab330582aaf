using PeftSharp.Models.Blocks;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>What Falcon needs of its configuration.</summary>
internal sealed record FalconConfig
{
    /// <summary>Rows of the word table.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads.</summary>
    public required AttentionShape Attention { get; init; }

    /// <summary>Groups of rows in which the fused map keeps queries, keys and values in turn.</summary>
    public required int Blocks { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Longest sequence of pretraining.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Activation of the feed-forward block.</summary>
    public required string Activation { get; init; }

    /// <summary>Added to the variance in norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Dropout of the sum of both branches.</summary>
    public required double HiddenDropout { get; init; }

    /// <summary>Dropout of attention weights.</summary>
    public required double AttentionDropout { get; init; }

    /// <summary>True if linear maps have biases.</summary>
    public required bool HasBias { get; init; }

    /// <summary>True if both branches read the layer's input, so that neither waits for the other.</summary>
    public required bool Parallel { get; init; }

    /// <summary>True if each of two parallel branches has a norm of its own.</summary>
    public required bool OwnNorms { get; init; }

    /// <summary>How positions turn queries and keys; null where ALiBi says positions.</summary>
    public required RotaryScaling? Rotary { get; init; }

    /// <summary>True if the output head is the embedding table.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>
    /// Reads the fields of the three layouts: new decoder (40B, 180B), multi-query (7B), and one key head a query head (RW).
    /// </summary>
    /// <exception cref="PeftException">A field is missing or out of range.</exception>
    public static FalconConfig Read(ModelConfig c)
    {
        HarmfulFields.Refuse(c, mayNameCode: true);
        var (hidden, heads) = (c.Size("hidden_size", 1 << 16), c.Size("num_attention_heads", 1 << 10));
        if (hidden % heads != 0) throw new PeftException($"{c.File}: {heads} attention heads do not divide the width {hidden}.");
        if (c.Flag("apply_residual_connection_post_layernorm"))
            throw new PeftException(
                $"{c.File}: field \"apply_residual_connection_post_layernorm\" is true; only false is supported, as in transformers.");
        var (isNew, isMulti) = (c.Flag("new_decoder_architecture"), !c.Has("multi_query") || c.Flag("multi_query"));
        var given = c.Has("num_kv_heads") ? c.Size("num_kv_heads", 1 << 10) : heads;
        var keyHeads = isNew ? given : isMulti ? 1 : heads;
        if (heads % keyHeads != 0) throw new PeftException($"{c.File}: {keyHeads} key heads do not divide {heads} attention heads.");
        var isParallel = !c.Has("parallel_attn") || c.Flag("parallel_attn");
        var norms = c.Int("num_ln_in_parallel_attn", isNew ? 2 : 1);
        if (norms is not (1 or 2)) throw new PeftException($"{c.File}: field \"num_ln_in_parallel_attn\" is {norms}; expected 1 or 2.");
        var positions = c.Has("max_position_embeddings") ? c.Size("max_position_embeddings") : 2048;
        // ALiBi stands in for positions that are turned.
        var rotary = RotaryScaling.Read(c, hidden / heads, positions);
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Hidden = hidden,
            Layers = c.Size("num_hidden_layers", 1 << 10),
            // transformers repeats the keys for every query head before a prefix comes to them.
            Attention = new(heads, keyHeads, hidden / heads) { PrefixHeads = heads },
            Blocks = isNew || !isMulti ? keyHeads : 1,
            Intermediate = c.Has("ffn_hidden_size") ? c.Size("ffn_hidden_size", 1 << 18) : 4 * hidden,
            MaxPositions = positions,
            Activation = Sites.Activation.Known(c.Text("activation", "gelu"), c.File),
            Epsilon = c.Epsilon("layer_norm_epsilon", 1e-5),
            HiddenDropout = c.Probability("hidden_dropout", 0),
            AttentionDropout = c.Probability("attention_dropout", 0),
            HasBias = c.Flag("bias"),
            Parallel = isNew || isParallel,
            OwnNorms = isNew && norms == 2,
            Rotary = c.Flag("alibi") ? null : rotary,
            TiedHead = !c.Has("tie_word_embeddings") || c.Flag("tie_word_embeddings"),
            InitializerRange = c.Deviation("initializer_range", 0.02),
        };
    }
}
