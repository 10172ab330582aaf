using PeftSharp.Data;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// MPNet (Song et al. 2020, arXiv 2004.09297): BERT's layers, positions that skip padding, and T5's relative positions shared by all
/// layers.
/// </summary>
internal sealed class MpnetModel : EncoderModel
{
    // transformers knows no other.
    private const int Farthest = 128;

    private static readonly EncoderNames Names = new(
        Attention: "attention.attn",
        Query: "attention.attn.q", Key: "attention.attn.k", Value: "attention.attn.v",
        AttentionOutput: "attention.attn.o", AttentionNorm: "attention.LayerNorm",
        Intermediate: "intermediate.dense", FeedForwardOutput: "output.dense", FeedForwardNorm: "output.LayerNorm",
        AttentionBranch: "attention", FeedForwardBranch: "output");

    private readonly RelativeBias _bias;

    private MpnetModel(ModelPlan plan, EncoderConfig shape, SiteBuilder build)
        : base(plan.Config, shape, build, plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        BuildEmbeddings(new());
        BuildLayers("encoder.layer", Names);
        var buckets = plan.Config.Has("relative_attention_num_buckets") ? plan.Config.Size("relative_attention_num_buckets", 1 << 12) : 32;
        _bias = new(build.Embedding($"{BasePrefix}encoder.relative_attention_bias", buckets, shape.Heads), true, buckets, Farthest);
        var pooler = plan.Task == TaskKind.Embedding && build.Source.Has("pooler.dense.weight")
            ? Linear("pooler.dense", ProjectionRole.Pooler, Width, Width) : null;
        BuildHead(plan, pooler, shape.HiddenDropout, pooling => new SequenceHead(
            plan.Task, pooling, Linear("classifier.dense", ProjectionRole.Head, Width, Width), "tanh", true, shape.HiddenDropout,
            Classifier("classifier.out_proj", plan.Outputs, Width), ["classifier", "score"]));
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "mpnet",
        ClassName = "MPNet",
        Prefix = "mpnet.",
        Paper = "Song et al. 2020, arXiv 2004.09297",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["classifier.dense", "classifier.out_proj"],
        Create = plan =>
        {
            var shape = EncoderConfig.Bert(plan.Config, 1) with { TypeVocabulary = 0 };
            return new MpnetModel(plan, shape, plan.Builder("mpnet.", shape.InitializerRange));
        },
        Tiny = width => $$"""
            { "model_type": "mpnet", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 43, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
              "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1, "relative_attention_num_buckets": 8, "pad_token_id": 3,
              "initializer_range": 0.2 }
            """,
    };

    /// <inheritdoc/>
    protected override int PositionOffset => Shape.PadId + 1;

    // The first token's relative positions are not those of a last query.
    private protected override bool SkipsTokens => false;

    private protected override Tensor Positions(TokenBatch batch, InputState state, ForwardContext context) =>
        PositionsAfterPadding(batch, state, base.Positions(batch, state, context), context);

    private protected override LayerRunner Runner(Tensor hidden, Tensor? padding, ForwardContext context)
    {
        var mask = new KeyMask { Padding = padding, Bias = _bias };
        return (i, x, first, call) => OwnLayers[i].Forward(x, mask, first, call);
    }
}
