using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>
/// ModernBERT's heads: a dense layer, an activation and a norm, which belong to the base, then the trained map to the answers.
/// </summary>
/// <param name="kind">What is answered: a class or number for a whole text, a class for each token, or a span.</param>
/// <param name="pooling">How a text becomes one vector; null where each token is answered.</param>
/// <param name="dense">The dense layer.</param>
/// <param name="activation">What follows it.</param>
/// <param name="norm">The norm behind.</param>
/// <param name="inner">The head that the result goes through; for a whole text one that reads the first vector.</param>
internal sealed class PredictionHead(
    TaskKind kind, Pooling? pooling, ProjectionSite dense, string activation, Norm norm, TaskHead inner) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => kind;

    /// <inheritdoc/>
    public override int Outputs => inner.Outputs;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => pooling == Pooling.Cls;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> Modules => inner.Modules;

    /// <inheritdoc/>
    internal override string TaskType => inner.TaskType;

    /// <inheritdoc/>
    internal override bool Pools => pooling is not null;

    /// <inheritdoc/>
    internal override bool AnswersEachToken => inner.AnswersEachToken;

    /// <inheritdoc/>
    internal override ProjectionSite? OutputMap => inner.OutputMap;

    /// <inheritdoc/>
    internal override Tensor Pooled(Tensor hidden, Tensor? mask) => pooling is { } how ? Pool.Apply(how, hidden, mask) : hidden;

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) => Answer(Pooled(hidden, mask), context);

    /// <inheritdoc/>
    internal override Tensor Answer(Tensor condensed, ForwardContext context)
    {
        var made = norm.Forward(Activation.Apply(activation, dense.Forward(condensed, context)), context); // [rows, tokens or 1, hidden]
        return inner.Answer(made, context);
    }

    /// <inheritdoc/>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null) => inner.Loss(output, labels, mask);
}
