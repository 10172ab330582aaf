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

    /// <summary>Keys that a query of each layer sees at most, its own included; null for all before it.</summary>
    public required IReadOnlyList<int?> Windows { get; init; }

    /// <summary>What embeddings are multiplied by on their way into the first layer; default 1.</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>Bounds the logits l of the language model to cap · tanh(l / cap); null (default) leaves them.</summary>
    public double? LogitCap { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Reads the fields as Llama names them.</summary>
    /// <param name="c">The configuration, of either generation.</param>
    /// <param name="defaults">What stands for fields that are left out.</param>
    /// <exception cref="PeftException">A field is missing or out of range.</exception>
    public static DecoderConfig Read(ModelConfig c, DecoderDefaults defaults)
    {
        HarmfulFields.Refuse(c, defaults.MayNameCode);
        var hidden = c.Size("hidden_size", 1 << 16);
        var layers = c.Size("num_hidden_layers", 1 << 10);
        var attention = Heads(c, hidden, defaults);
        var positions = c.Has("max_position_embeddings") ? c.Size("max_position_embeddings") : defaults.MaxPositions;
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Layers = layers,
            MaxPositions = positions,
            Shape = new(hidden, c.Size("intermediate_size", 1 << 18), attention)
            {
                Activation = Sites.Activation.Known(c.Text("hidden_act", defaults.Activation), c.File),
                Epsilon = c.Epsilon("rms_norm_eps", defaults.Epsilon),
                AttentionDropout = c.Probability("attention_dropout", 0),
                InputBias = c.Flag("attention_bias"),
                OutputBias = c.Flag("attention_bias"),
                FeedForwardBias = c.Flag("mlp_bias"),
            },
            Rotary = RotaryScaling.Read(c, attention.HeadDim, positions, defaults.PartialRotary),
            Windows = new int?[layers],
            TiedHead = c.Has("tie_word_embeddings") ? c.Flag("tie_word_embeddings") : defaults.TiedHead,
            InitializerRange = c.Deviation("initializer_range", 0.02),
        };
    }

    /// <summary>
    /// The same with a sliding window in the layers that <c>layer_types</c> says, or else those of <paramref name="otherwise"/>.
    /// </summary>
    /// <param name="c">The configuration.</param>
    /// <param name="window">Keys that a query sees at most; null for no window anywhere.</param>
    /// <param name="otherwise">Whether a layer has the window where the configuration does not list layers.</param>
    /// <exception cref="PeftException">The list names another number of layers, or another type.</exception>
    public DecoderConfig WithWindow(ModelConfig c, int? window, Func<int, bool> otherwise)
    {
        var types = LayerTypes.Read(c, Layers, layer => otherwise(layer) ? LayerTypes.Sliding : LayerTypes.Full);
        if (window is null) return this;
        return this with { Windows = [.. types.Select(type => type == LayerTypes.Sliding ? window : null)] };
    }

    private static AttentionShape Heads(ModelConfig c, int hidden, DecoderDefaults defaults)
    {
        var heads = c.Size("num_attention_heads", 1 << 10);
        var keyHeads = c.Has("num_key_value_heads") ? c.Size("num_key_value_heads", 1 << 10) : defaults.KeyHeads ?? heads;
        if (heads % keyHeads != 0) throw new PeftException($"{c.File}: {keyHeads} key heads do not divide {heads} attention heads.");
        if (c.Has("head_dim")) return new(heads, keyHeads, c.Size("head_dim", 1 << 12));
        if (defaults.HeadDim is { } width) return new(heads, keyHeads, width);
        if (hidden % heads != 0) throw new PeftException($"{c.File}: {heads} attention heads do not divide the width {hidden}.");
        return new(heads, keyHeads, hidden / heads);
    }
}
