using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>BERT (Devlin et al. 2018, arXiv 1810.04805), with every seam open.</summary>
internal sealed class BertModel : EncoderModel
{
    internal static readonly EncoderNames Names = new(
        Attention: "attention.self",
        Query: "attention.self.query", Key: "attention.self.key", Value: "attention.self.value",
        AttentionOutput: "attention.output.dense", AttentionNorm: "attention.output.LayerNorm",
        Intermediate: "intermediate.dense", FeedForwardOutput: "output.dense", FeedForwardNorm: "output.LayerNorm",
        AttentionBranch: "attention.output", FeedForwardBranch: "output");

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "bert",
        ClassName = "Bert",
        Prefix = "bert.",
        Paper = "Devlin et al. 2018, arXiv 1810.04805",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["classifier"],
        ReadsPooler = true,
        FieldsWithoutEffect =
        [
            "directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head",
            "pooler_type",
        ],
        Create = plan =>
        {
            var shape = EncoderConfig.Bert(plan.Config, 0);
            return new BertModel(plan.Config, shape, plan.Builder("bert.", shape.InitializerRange), plan.Task, plan.Outputs, plan.Options);
        },
        Tiny = width => $$"""
            { "model_type": "bert", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 41, "type_vocab_size": 3, "hidden_act": "gelu_new",
              "layer_norm_eps": 1e-5, "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1, "classifier_dropout": 0.2,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    internal BertModel(ModelConfig config, EncoderConfig shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, shape, build, task == TaskKind.Embedding ? "" : "bert.")
    {
        BuildBody("encoder.layer", Names);
        var (hidden, pooling) = (shape.Hidden, options.Pooling ?? Pooling.Pooler);
        // Token heads have no pooler, and a sentence head without one leaves it out.
        var reads = task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression;
        var brings = (reads || task == TaskKind.Embedding) && build.Source.Has($"{BasePrefix}pooler.dense.weight");
        var pooler = options.FlexibleHead is not null ? null
            : brings || reads && pooling == Pooling.Pooler ? Linear($"{BasePrefix}pooler.dense", ProjectionRole.Pooler, hidden, hidden)
            : null;
        BuildHead(Flexible(options, task, outputs) ?? (TaskHead)(task switch
        {
            TaskKind.Embedding => new EmbeddingHead(pooling, pooler),
            TaskKind.TokenClassification => new TokenHead(shape.HeadDropout, Classifier("classifier", outputs, hidden)),
            TaskKind.QuestionAnswering => new AnswerHead(Linear("qa_outputs", ProjectionRole.Head, 2, hidden)),
            _ => new SequenceHead(
                task, pooling, pooling == Pooling.Pooler ? pooler : null, "tanh", false, shape.HeadDropout,
                Classifier("classifier", outputs, hidden), ["classifier", "score"]),
        }));
    }
}
