using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>What ModernBERT needs of its configuration besides what all encoders need.</summary>
internal sealed record ModernBertConfig
{
    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads.</summary>
    public required AttentionShape Attention { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Activation of the feed-forward block.</summary>
    public required string Activation { get; init; }

    /// <summary>Added to the variance in norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Dropout of attention weights, and behind the attention.</summary>
    public required double AttentionDropout { get; init; }

    /// <summary>Dropout inside the feed-forward block.</summary>
    public required double FeedForwardDropout { get; init; }

    /// <summary>True if norms have a shift.</summary>
    public required bool NormBias { get; init; }

    /// <summary>True if the attention's maps have biases.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>True if the feed-forward block's maps have biases.</summary>
    public required bool FeedForwardBias { get; init; }

    /// <summary>Whether each layer sees near tokens alone.</summary>
    public required IReadOnlyList<bool> IsLocal { get; init; }

    /// <summary>Places before and after a token that a local layer sees.</summary>
    public required int Reach { get; init; }

    /// <summary>Positions in layers that see all tokens.</summary>
    public required RotaryScaling Far { get; init; }

    /// <summary>Positions in layers that see near tokens.</summary>
    public required RotaryScaling Near { get; init; }

    /// <summary>True if the head's dense layer has a bias.</summary>
    public required bool HeadBias { get; init; }

    /// <summary>Activation of the head's dense layer.</summary>
    public required string HeadActivation { get; init; }

    /// <summary>How the head makes one vector of a text.</summary>
    public required Pooling HeadPooling { get; init; }

    /// <summary>Reads the fields of either generation of configurations.</summary>
    /// <exception cref="PeftException">A field is missing, out of range, or asks for what is not supported.</exception>
    public static ModernBertConfig Read(ModelConfig c, EncoderConfig shape)
    {
        var every = c.Has("global_attn_every_n_layers") ? c.Size("global_attn_every_n_layers") : 3;
        var types = LayerTypes.Read(c, shape.Layers, layer => layer % every == 0 ? LayerTypes.Full : LayerTypes.Sliding);
        var headDim = shape.Hidden / shape.Heads;
        return new()
        {
            Hidden = shape.Hidden,
            Layers = shape.Layers,
            Attention = new(shape.Heads, shape.Heads, headDim),
            Intermediate = shape.Intermediate,
            Activation = shape.Activation,
            Epsilon = shape.Epsilon,
            AttentionDropout = shape.AttentionDropout,
            FeedForwardDropout = c.Probability("mlp_dropout", 0),
            NormBias = c.Flag("norm_bias"),
            AttentionBias = c.Flag("attention_bias"),
            FeedForwardBias = c.Flag("mlp_bias"),
            IsLocal = [.. types.Select(type => type == LayerTypes.Sliding)],
            Reach = (c.Has("local_attention") ? c.Size("local_attention") : 128) / 2,
            Far = Rotary(c, headDim, LayerTypes.Full, "global_rope_theta", 160_000),
            Near = Rotary(
                c, headDim, LayerTypes.Sliding, "local_rope_theta",
                c.Json.ContainsKey("local_rope_theta") ? c.Number("global_rope_theta", 160_000) : 10_000),
            HeadBias = c.Flag("classifier_bias"),
            HeadActivation = Sites.Activation.Known(c.Text("classifier_activation", "gelu"), c.File),
            HeadPooling = c.Text("classifier_pooling", "cls") switch
            {
                "cls" => Pooling.Cls,
                "mean" => Pooling.Mean,
                var other =>
                    throw new PeftException(
                        $"{c.File}: field \"classifier_pooling\" is {Quoted.Name(other)}; expected \"cls\" or \"mean\"."),
            },
        };
    }

    // Configurations of transformers 5 have settings for each type of layer; older ones a number.
    private static RotaryScaling Rotary(ModelConfig c, int headDim, string type, string field, double usual)
    {
        var own = (c.Node("rope_parameters") as JsonObject)?[type] as JsonObject;
        return RotaryScaling.Read(
            c, headDim, c.Size("max_position_embeddings"), inner: own ?? new JsonObject { ["rope_theta"] = c.Number(field, usual) });
    }
}
