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
        var hidden = shape.Hidden;
        // Token heads have no pooler, and a sentence head without one leaves it out.
        var pooled = task is TaskKind.Classification or TaskKind.Regression || task == TaskKind.Embedding && build.Source.Has($"{BasePrefix}pooler.dense.weight");
        var pooler = pooled ? Linear($"{BasePrefix}pooler.dense", ProjectionRole.Pooler, hidden, hidden) : null;
        BuildHead(task switch
        {
            TaskKind.Embedding => new EmbeddingHead(options.Pooling, pooler),
            TaskKind.TokenClassification => new TokenHead(shape.HeadDropout, Linear("classifier", ProjectionRole.Head, outputs, hidden)),
            TaskKind.QuestionAnswering => new AnswerHead(Linear("qa_outputs", ProjectionRole.Head, 2, hidden)),
            _ => new SequenceHead(
                task, options.Pooling, options.Pooling == Pooling.Pooler ? pooler : null, "tanh", false, shape.HeadDropout,
                Linear("classifier", ProjectionRole.Head, outputs, hidden), ["classifier", "score"]),
        });
    }
}
