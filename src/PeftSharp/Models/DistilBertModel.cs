using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>DistilBERT (Sanh et al. 2019, arXiv 1910.01108): BERT's layers under other names, without segments or pooler.</summary>
internal sealed class DistilBertModel : EncoderModel
{
    private static readonly EncoderNames Names = new(
        Attention: "attention",
        Query: "attention.q_lin", Key: "attention.k_lin", Value: "attention.v_lin",
        AttentionOutput: "attention.out_lin", AttentionNorm: "sa_layer_norm",
        Intermediate: "ffn.lin1", FeedForwardOutput: "ffn.lin2", FeedForwardNorm: "output_layer_norm",
        AttentionBranch: "attention_adapters", FeedForwardBranch: "output_adapters");

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "distilbert",
        ClassName = "DistilBert",
        Prefix = "distilbert.",
        Paper = "Sanh et al. 2019, arXiv 1910.01108",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["pre_classifier", "classifier"],
        FieldsWithoutEffect = ["sinusoidal_pos_embds", "tie_weights_", "qa_dropout"],
        Create = plan =>
        {
            var shape = EncoderConfig.DistilBert(plan.Config);
            return new DistilBertModel(
                plan.Config, shape, plan.Builder("distilbert.", shape.InitializerRange), plan.Task, plan.Outputs, plan.Options);
        },
        Tiny = width => $$"""
            { "model_type": "distilbert", "vocab_size": 97, "dim": {{width}}, "n_layers": 2, "n_heads": 4, "hidden_dim": 56,
              "max_position_embeddings": 41, "activation": "gelu", "dropout": 0.15, "attention_dropout": 0.1, "seq_classif_dropout": 0.2,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    internal DistilBertModel(ModelConfig config, EncoderConfig shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, shape, build, task == TaskKind.Embedding ? "" : "distilbert.")
    {
        BuildBody("transformer.layer", Names);
        var (hidden, pooling) = (shape.Hidden, options.Pooling ?? Pooling.Pooler);
        BuildHead(Flexible(options, task, outputs) ?? (TaskHead)(task switch
        {
            TaskKind.Embedding => new EmbeddingHead(pooling, null),
            TaskKind.TokenClassification => new TokenHead(shape.HiddenDropout, Classifier("classifier", outputs, hidden)),
            TaskKind.QuestionAnswering => new AnswerHead(Linear("qa_outputs", ProjectionRole.Head, 2, hidden)),
            _ => new SequenceHead(
                task, pooling, Linear("pre_classifier", ProjectionRole.Head, hidden, hidden), "relu", false, shape.HeadDropout,
                Classifier("classifier", outputs, hidden), ["classifier", "score"]),
        }));
    }
}
