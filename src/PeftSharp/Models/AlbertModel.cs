using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// ALBERT (Lan et al. 2019, arXiv 1909.11942): narrow embeddings, and layers that share their weights, so that an adapter acts in all of
/// them at once.
/// </summary>
internal sealed class AlbertModel : EncoderModel
{
    private static readonly EncoderNames Names = new(
        Attention: "attention",
        Query: "attention.query", Key: "attention.key", Value: "attention.value",
        AttentionOutput: "attention.dense", AttentionNorm: "attention.LayerNorm",
        Intermediate: "ffn", FeedForwardOutput: "ffn_output", FeedForwardNorm: "full_layer_layer_norm",
        AttentionBranch: "attention_adapters", FeedForwardBranch: "output_adapters");

    private AlbertModel(ModelPlan plan, EncoderConfig shape, SiteBuilder build)
        : base(plan.Config, shape, build, plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        BuildEmbeddings(new() { Projection = "encoder.embedding_hidden_mapping_in" });
        BuildLayers(SharedLayers(plan.Config, build));
        var reads = plan.Task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression;
        var brings = (reads || plan.Task == TaskKind.Embedding) && build.Source.Has($"{BasePrefix}pooler.weight");
        var usual = (plan.Options.Pooling ?? Pooling.Pooler) == Pooling.Pooler;
        var pooler = plan.Options.FlexibleHead is null && (brings || reads && usual)
            ? Linear($"{BasePrefix}pooler", ProjectionRole.Pooler, Width, Width) : null;
        BuildHead(plan, pooler, shape.HeadDropout, pooling => new SequenceHead(
            plan.Task, pooling, pooling == Pooling.Pooler ? pooler : null, "tanh", false, shape.HeadDropout,
            Classifier("classifier", plan.Outputs, Width), ["classifier", "score"]));
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "albert",
        ClassName = "Albert",
        Prefix = "albert.",
        Paper = "Lan et al. 2019, arXiv 1909.11942",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["classifier"],
        ReadsPooler = true,
        FieldsWithoutEffect = ["down_scale_factor", "gap_size", "net_structure_type", "num_memory_blocks"],
        Create = plan =>
        {
            var shape = Read(plan.Config);
            return new AlbertModel(plan, shape, plan.Builder("albert.", shape.InitializerRange));
        },
        Tiny = width => $$"""
            { "model_type": "albert", "vocab_size": 97, "embedding_size": {{width - 12}}, "hidden_size": {{width}},
              "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 1, "num_attention_heads": 4, "intermediate_size": 56,
              "max_position_embeddings": 41, "type_vocab_size": 3, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5,
              "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1, "classifier_dropout_prob": 0.2, "pad_token_id": 3,
              "initializer_range": 0.2 }
            """,
    };

    // An adapter acts in every layer that shares the weights: no layer lies below all of them.
    internal override bool RunsInParts => false;

    private protected override LayerRunner Runner(Tensor hidden, Tensor? padding, ForwardContext context)
    {
        var mask = new KeyMask { Padding = padding };
        // Layers of one name draw dropout of their own all the same.
        return (i, x, first, call) =>
            OwnLayers[i].Forward(x, mask, first, i == 0 ? call : call with { Seed = SeedSequence.Derive(call.Seed, (ulong)i) });
    }

    // The layers in the order in which they run; those of a group are the same.
    private IEncoderLayer[] SharedLayers(ModelConfig c, SiteBuilder build)
    {
        var groups = c.Has("num_hidden_groups") ? c.Size("num_hidden_groups", 1 << 10) : 1;
        var inner = c.Has("inner_group_num") ? c.Size("inner_group_num", 1 << 6) : 1;
        if (groups > Shape.Layers) throw new PeftException($"{c.File}: {groups} groups of layers are more than the {Shape.Layers} layers.");
        var shape = Shape.Shape with { FeedForwardDropout = 0 };
        var own = new EncoderLayer[groups * inner];
        for (var i = 0; i < own.Length; i++)
        {
            var path = $"{BasePrefix}encoder.albert_layer_groups.{i / inner}.albert_layers.{i % inner}";
            own[i] = new EncoderLayer(build.AtLayer(path, i), shape, Names);
        }
        return [
            .. Enumerable.Range(0, Shape.Layers * inner).Select(i => own[(long)(i / inner) * groups / Shape.Layers * inner + i % inner]),
        ];
    }

    private static EncoderConfig Read(ModelConfig c) => EncoderConfig.Bert(c, 0) with
    {
        EmbeddingSize = c.Has("embedding_size") ? c.Size("embedding_size", 1 << 16) : 128,
        Activation = Activation.Known(c.Text("hidden_act", "gelu_new"), c.File),
        HiddenDropout = c.Probability("hidden_dropout_prob", 0),
        AttentionDropout = c.Probability("attention_probs_dropout_prob", 0),
        HeadDropout = c.Probability("classifier_dropout_prob", 0.1),
    };
}
