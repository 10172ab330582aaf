using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>A class for each token; label -100 is ignored.</summary>
public sealed class TokenHead(double dropout, ProjectionSite classifier) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.TokenClassification;

    /// <inheritdoc/>
    public override int Outputs { get; } = (int)classifier.OutFeatures;

    /// <inheritdoc/>
    public override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Modules => ["classifier", "score"];

    /// <inheritdoc/>
    public override string TaskType => "TOKEN_CLS";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) =>
        classifier.Forward(Dropout.Apply(hidden, dropout, classifier.Path, context), context); // [rows, tokens, outputs]

    /// <inheritdoc/>
    public override Tensor Loss(ModelOutput output, Tensor labels) =>
        Losses.CrossEntropy(output.Logits.flatten(0, 1), labels.flatten());
}

/// <summary>Start and end of an answer: logits [rows, tokens, 2]; labels [rows, 2].</summary>
public sealed class AnswerHead(ProjectionSite outputs) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.QuestionAnswering;

    /// <inheritdoc/>
    public override int Outputs => 2;

    /// <inheritdoc/>
    public override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Modules => ["qa_outputs"];

    /// <inheritdoc/>
    public override string TaskType => "QUESTION_ANS";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) => outputs.Forward(hidden, context);

    /// <inheritdoc/>
    public override Tensor Loss(ModelOutput output, Tensor labels)
    {
        Tensor Part(int i) => Losses.CrossEntropy(output.Logits.select(-1, i), labels.select(-1, i));
        return Part(0).Plus(Part(1)).Times(0.5);
    }
}

/// <summary>No head: the pooled vector itself.</summary>
public sealed class EmbeddingHead(Pooling pooling, ProjectionSite? pooler) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.Embedding;

    /// <inheritdoc/>
    public override int Outputs => 0;

    /// <inheritdoc/>
    public override bool ReadsFirstTokenOnly => pooling != Pooling.Mean;

    /// <inheritdoc/>
    public override string TaskType => "FEATURE_EXTRACTION";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context)
    {
        var pooled = Pool.Apply(pooling, hidden, mask);
        if (pooling == Pooling.Pooler && pooler is not null) pooled = pooler.Forward(pooled, context).tanh();
        return pooled.squeeze(1);
    }

    /// <inheritdoc/>
    public override Tensor Loss(ModelOutput output, Tensor labels) =>
        throw new PeftException("A model without a head has no loss; load it for classification or regression.");
}
