using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Classification or regression over a whole sequence.</summary>
/// <param name="kind">Classification, several classes at once, or regression.</param>
/// <param name="pooling">How the sequence becomes one vector.</param>
/// <param name="dense">A dense layer between pooling and classifier (RoBERTa, DistilBERT), or the pooler (BERT); null for none.</param>
/// <param name="activation">What follows the dense layer.</param>
/// <param name="dropoutFirst">True drops before the dense layer as well (RoBERTa).</param>
/// <param name="dropout">Probability of dropping.</param>
/// <param name="classifier">The last linear map, [outputs, hidden].</param>
/// <param name="modules">The modules that are trained with an adapter.</param>
internal sealed class SequenceHead(
    TaskKind kind, Pooling pooling, ProjectionSite? dense, string activation, bool dropoutFirst, double dropout, ProjectionSite classifier,
    IReadOnlyList<string> modules)
    : TaskHead
{
    /// <summary>Probability of dropping before the dense layer, where it is another (DeBERTa); null (default) for the same.</summary>
    public double? DenseDropout { get; init; }

    /// <inheritdoc/>
    public override TaskKind Kind => kind;

    /// <inheritdoc/>
    public override int Outputs { get; } = (int)classifier.OutFeatures;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => pooling is Pooling.Pooler or Pooling.Cls;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> Modules => modules;

    /// <inheritdoc/>
    internal override string TaskType => "SEQ_CLS";

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) =>
        Answer(Condense(Pooled(hidden, mask), context), context);

    /// <inheritdoc/>
    internal override ProjectionSite OutputMap => classifier;

    /// <inheritdoc/>
    internal override IReadOnlyList<HeadStage> Stages =>
        dense is null ? [new(classifier, "linear")] : [new(dense, activation), new(classifier, "linear")];

    /// <inheritdoc/>
    internal override bool Pools => true;

    /// <inheritdoc/>
    internal override Tensor Pooled(Tensor hidden, Tensor? mask) => Pool.Apply(pooling, hidden, mask);

    /// <inheritdoc/>
    internal override ProjectionSite? Pooler => dropoutFirst ? null : dense;

    /// <inheritdoc/>
    internal override Tensor Condense(Tensor pooled, ForwardContext context) =>
        Pooler is null ? pooled : Activation.Apply(activation, Pooler.Forward(pooled, context));

    /// <inheritdoc/>
    internal override Tensor Answer(Tensor condensed, ForwardContext context)
    {
        if (dropoutFirst && dense is not null)
            condensed = Activation.Apply(
                activation, dense.Forward(Dropout.Apply(condensed, DenseDropout ?? dropout, dense.Path, context), context));
        return Project(classifier, Drop(condensed, classifier.Path, context), context).squeeze(1); // [rows, outputs]
    }

    /// <inheritdoc/>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null) =>
        kind == TaskKind.MultiLabel ? Losses.EachLabel(output.Logits, labels)
        : kind == TaskKind.Regression ? Losses.MeanSquare(output.Logits.squeeze(-1), labels)
        : Losses.CrossEntropy(output.Logits, labels);

    // The head is trained, so its dropout is not the frozen base's.
    private Tensor Drop(Tensor x, string site, ForwardContext context) => Dropout.Apply(x, dropout, site, context);
}
