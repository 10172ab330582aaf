using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>BERT (Devlin et al. 2018, arXiv 1810.04805), with every seam open.</summary>
public sealed class BertModel : EncoderModel
{
    internal static readonly EncoderNames Names = new(
        Attention: "attention.self",
        Query: "attention.self.query", Key: "attention.self.key", Value: "attention.self.value",
        AttentionOutput: "attention.output.dense", AttentionNorm: "attention.output.LayerNorm",
        Intermediate: "intermediate.dense", FeedForwardOutput: "output.dense", FeedForwardNorm: "output.LayerNorm",
        AttentionBranch: "attention.output", FeedForwardBranch: "output");

    internal BertModel(ModelConfig config, EncoderConfig shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, shape, build, task == TaskKind.Embedding ? "" : "bert.")
    {
        BuildBody("encoder.layer", Names);
        var (hidden, pooling) = (shape.Hidden, options.Pooling ?? Pooling.Pooler);
        // Token heads have no pooler, and a sentence head without one leaves it out.
        var reads = task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression;
        var brings = (reads || task == TaskKind.Embedding) && build.Source.Has($"{BasePrefix}pooler.dense.weight");
        var pooler = options.FlexibleHead is not null ? null : brings || reads && pooling == Pooling.Pooler ? Linear($"{BasePrefix}pooler.dense", ProjectionRole.Pooler, hidden, hidden) : null;
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
