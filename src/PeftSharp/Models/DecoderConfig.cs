using PeftSharp.Models.Blocks;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>What decoders of Llama's kind need of their configuration, under one set of names.</summary>
internal sealed record DecoderConfig
{
    /// <summary>Rows of the word table.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Longest sequence of pretraining.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>The shape of a layer.</summary>
    public required DecoderShape Shape { get; init; }

    /// <summary>How positions turn queries and keys.</summary>
    public required RotaryScaling Rotary { get; init; }

    /// <summary>True if the output head is the embedding table.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>Keys that a query sees at most, its own included; null for all before it.</summary>
    public int? Window { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Reads the fields as Llama names them.</summary>
    /// <exception cref="PeftException">A field is missing or out of range.</exception>
    public static DecoderConfig Llama(ModelConfig c)
    {
        var hidden = c.Size("hidden_size", 1 << 16);
        var heads = c.Size("num_attention_heads", 1 << 10);
        var keyHeads = c.Has("num_key_value_heads") ? c.Size("num_key_value_heads", 1 << 10) : heads;
        if (heads % keyHeads != 0)
            throw new PeftException($"{c.File}: {keyHeads} key heads do not divide {heads} attention heads.");
        if (!c.Has("head_dim") && hidden % heads != 0)
            throw new PeftException($"{c.File}: {heads} attention heads do not divide the width {hidden}.");
        var headDim = c.Has("head_dim") ? c.Size("head_dim", 1 << 12) : hidden / heads;
        var positions = c.Has("max_position_embeddings") ? c.Size("max_position_embeddings") : 2048;
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Layers = c.Size("num_hidden_layers", 1 << 10),
            MaxPositions = positions,
            Shape = new(hidden, c.Size("intermediate_size", 1 << 18), new(heads, keyHeads, headDim))
            {
                Activation = c.Text("hidden_act", "silu"),
                Epsilon = c.Number("rms_norm_eps", 1e-6),
                AttentionDropout = c.Probability("attention_dropout", 0),
                InputBias = c.Flag("attention_bias"),
                OutputBias = c.Flag("attention_bias"),
                FeedForwardBias = c.Flag("mlp_bias"),
            },
            Rotary = RotaryScaling.Read(c, headDim, positions),
            TiedHead = c.Flag("tie_word_embeddings"),
            InitializerRange = c.Number("initializer_range", 0.02),
        };
    }
}
