using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Classification or regression over a whole sequence.</summary>
/// <param name="kind">Classification or regression.</param>
/// <param name="pooling">How the sequence becomes one vector.</param>
/// <param name="dense">A dense layer between pooling and classifier (RoBERTa, DistilBERT), or the pooler (BERT); null for none.</param>
/// <param name="activation">What follows the dense layer.</param>
/// <param name="dropoutFirst">True drops before the dense layer as well (RoBERTa).</param>
/// <param name="dropout">Probability of dropping.</param>
/// <param name="classifier">The last linear map, [outputs, hidden].</param>
/// <param name="modules">The modules that are trained with an adapter.</param>
public sealed class SequenceHead(
    TaskKind kind, Pooling pooling, ProjectionSite? dense, string activation, bool dropoutFirst, double dropout, ProjectionSite classifier, IReadOnlyList<string> modules)
    : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => kind;

    /// <inheritdoc/>
    public override int Outputs { get; } = (int)classifier.OutFeatures;

    /// <inheritdoc/>
    public override bool ReadsFirstTokenOnly => pooling != Pooling.Mean;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Modules => modules;

    /// <inheritdoc/>
    public override string TaskType => "SEQ_CLS";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context)
    {
        var pooled = Pool.Apply(pooling, hidden, mask);                         // [rows, 1, hidden]
        if (dense is not null)
        {
            if (dropoutFirst) pooled = Drop(pooled, dense.Path, context);
            pooled = Activation.Apply(activation, dense.Forward(pooled, context));
        }
        return classifier.Forward(Drop(pooled, classifier.Path, context), context).squeeze(1); // [rows, outputs]
    }

    /// <inheritdoc/>
    public override Tensor Loss(ModelOutput output, Tensor labels) => kind == TaskKind.Regression
        ? Losses.MeanSquare(output.Logits.squeeze(-1), labels)
        : Losses.CrossEntropy(output.Logits, labels);

    // The head is trained, so its dropout is not the frozen base's.
    private Tensor Drop(Tensor x, string site, ForwardContext context) => Dropout.Apply(x, dropout, site, context);
}
