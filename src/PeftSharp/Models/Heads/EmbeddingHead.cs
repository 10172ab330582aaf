using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>No head: the pooled vector itself.</summary>
internal sealed class EmbeddingHead(Pooling pooling, ProjectionSite? pooler) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.Embedding;

    /// <inheritdoc/>
    public override int Outputs => 0;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => pooling is Pooling.Pooler or Pooling.Cls;

    /// <inheritdoc/>
    internal override string TaskType => "FEATURE_EXTRACTION";

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context)
    {
        var pooled = Pool.Apply(pooling, hidden, mask);
        if (pooling == Pooling.Pooler && pooler is not null) pooled = pooler.Forward(pooled, context).tanh();
        return pooled.squeeze(1);
    }

    /// <inheritdoc/>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null) =>
        throw new PeftException("A model without a head has no loss; load it for classification or regression.");
}
