using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>
/// DeBERTa of the second and third version (He et al. 2021, arXiv 2111.09543): BERT's layers whose attention looks at content and distance
/// apart.
/// </summary>
internal sealed class DebertaModel : EncoderModel
{
    private static readonly EncoderNames Names = BertModel.Names with
    {
        Query = "attention.self.query_proj",
        Key = "attention.self.key_proj",
        Value = "attention.self.value_proj",
    };

    private DebertaModel(ModelPlan plan, EncoderConfig shape, SiteBuilder build)
        : base(plan.Config, shape, build, plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        var c = plan.Config;
        RefuseOthers(c);
        // The pooler is as wide as the layers, in every published model.
        if (c.Has("pooler_hidden_size") && c.Size("pooler_hidden_size") != shape.Hidden)
            throw Refused(c, "pooler_hidden_size", $"{shape.Hidden}, the width of the layers");
        BuildEmbeddings(new() { Positions = PositionsAreAdded(c) ? "position_embeddings" : null });
        var (toPosition, toContent) = Looks(c);
        var farthest = c.Int("max_relative_positions", -1) is > 0 and var given ? given : shape.MaxPositions;
        var distances = new DistanceBuckets(c.Int("position_buckets", -1), farthest);
        var parts = 1 + (toPosition ? 1 : 0) + (toContent ? 1 : 0);
        var attention = new AttentionShape(shape.Heads, shape.Heads, shape.Hidden / shape.Heads);
        attention = attention with { Scale = 1 / Math.Sqrt(attention.HeadDim * parts) };
        var table = build.Embedding($"{BasePrefix}encoder.rel_embeddings", 2L * distances.Span, shape.Hidden);
        var norm = HasNorm(c) ? build.Norm($"{BasePrefix}encoder.LayerNorm", shape.Hidden, shape.Epsilon) : null;
        var bias = new DisentangledBias(table, norm, attention, distances, toPosition, toContent, shape.HiddenDropout);
        BuildLayers("encoder.layer", Names, shape.Shape with { Attention = attention }, bias);

        var reads = plan.Task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression;
        var usual = (plan.Options.Pooling ?? Pooling.Pooler) == Pooling.Pooler;
        var pooler = reads && usual && plan.Options.FlexibleHead is null
            ? Linear("pooler.dense", ProjectionRole.Pooler, Width, Width)
            : null;
        var activation = Activation.Known(c.Text("pooler_hidden_act", "gelu"), c.File);
        var (before, behind) = (c.Probability("pooler_dropout", 0), c.Probability("cls_dropout", shape.HiddenDropout));
        BuildHead(plan, null, shape.HiddenDropout, pooling => new SequenceHead(
            plan.Task, pooling, pooling == Pooling.Pooler ? pooler : null, activation, true, behind,
            Classifier("classifier", plan.Outputs, Width), ["classifier", "score"])
        {
            DenseDropout = before,
        });
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "deberta-v2",
        ClassName = "DebertaV2",
        Prefix = "deberta.",
        Paper = "He et al. 2021, arXiv 2006.03654 and 2111.09543",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["classifier"],
        ReadsPooler = true,
        Create = plan =>
        {
            var shape = EncoderConfig.Bert(plan.Config, 0) with { TypeVocabulary = plan.Config.Int("type_vocab_size", 0) };
            return new DebertaModel(plan, shape, plan.Builder("deberta.", shape.InitializerRange));
        },
        Tiny = width => $$"""
            { "model_type": "deberta-v2", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 41, "type_vocab_size": 0, "hidden_act": "gelu",
              "layer_norm_eps": 1e-5, "relative_attention": true, "position_buckets": 4, "max_relative_positions": -1,
              "norm_rel_ebd": "layer_norm", "share_att_key": true, "pos_att_type": ["p2c", "c2p"], "position_biased_input": false,
              "pooler_dropout": 0.1, "pooler_hidden_act": "gelu", "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    // The vectors of distances belong to all layers.
    internal override bool RunsInParts => false;

    // The first token's distances are not those of a last query.
    private protected override bool SkipsTokens => false;

    private static bool PositionsAreAdded(ModelConfig c) => !c.Has("position_biased_input") || c.Flag("position_biased_input");

    private static bool HasNorm(ModelConfig c) => c.Text("norm_rel_ebd", "none") switch
    {
        "none" => false,
        "layer_norm" => true,
        var other =>
            throw new PeftException($"{c.File}: field \"norm_rel_ebd\" is {Quoted.Name(other)}; expected \"layer_norm\" or \"none\"."),
    };

    // A list, or names joined by bars.
    private static (bool ToPosition, bool ToContent) Looks(ModelConfig c)
    {
        var node = c.Node("pos_att_type");
        string[] names = node is JsonArray list
            ? [.. list.Select(entry => entry?.ToString() ?? "")]
            : (node?.ToString() ?? "").Split('|', StringSplitOptions.RemoveEmptyEntries);
        if (names.FirstOrDefault(name => name is not ("c2p" or "p2c")) is { } other)
            throw new PeftException($"{c.File}: field \"pos_att_type\" names {Quoted.Name(other)}; expected \"c2p\" and \"p2c\".");
        return (names.Contains("c2p"), names.Contains("p2c"));
    }

    private static void RefuseOthers(ModelConfig c)
    {
        if (!c.Flag("relative_attention")) throw Refused(c, "relative_attention", "true");
        if (!c.Flag("share_att_key"))
            throw Refused(c, "share_att_key", "true: distances go through the layers' own maps, as in all published models");
        if (c.Int("conv_kernel_size", 0) > 0)
            throw Refused(c, "conv_kernel_size", "0: the convolution of the XL and XXL models is not supported; take a base or large one");
        if (c.Has("embedding_size") && c.Size("embedding_size") != c.Size("hidden_size"))
            throw Refused(c, "embedding_size", "the width of the layers: narrower embeddings are not supported");
    }

    private static PeftException Refused(ModelConfig c, string field, string expected) =>
        new($"{c.File}: field \"{field}\" is {c.Json[field]?.ToJsonString() ?? "missing"}; expected {expected}.");
}
