using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>A head of AdapterHub's flexible layout that answers for each token: a class, or the start and end of an answer.</summary>
/// <param name="dense">The first of two maps; null where there is one.</param>
/// <param name="activation">What follows it.</param>
/// <param name="dropout">Probability of dropping before each map.</param>
/// <param name="outputs">The last map, [outputs, hidden].</param>
/// <param name="inner">What the last map's outputs are, and what they cost; it drops nothing itself.</param>
internal sealed class FlexibleTokenHead(
    ProjectionSite? dense, string activation, double dropout, ProjectionSite outputs, TaskHead inner) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => inner.Kind;

    /// <inheritdoc/>
    public override int Outputs => inner.Outputs;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> Modules => [FlexibleHead.Module];

    /// <inheritdoc/>
    internal override string TaskType => inner.TaskType;

    /// <inheritdoc/>
    internal override bool AnswersEachToken => true;

    /// <inheritdoc/>
    internal override ProjectionSite? OutputMap => inner.OutputMap;

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context)
    {
        if (dense is not null) hidden = Activation.Apply(activation, dense.Forward(Drop(hidden, dense, context), context));
        return inner.Forward(Drop(hidden, outputs, context), mask, context);                              // [rows, tokens, outputs]
    }

    /// <inheritdoc/>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null) => inner.Loss(output, labels, mask);

    private Tensor Drop(Tensor x, ProjectionSite map, ForwardContext context) => Dropout.Apply(x, dropout, map.Path, context);
}
