using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A slot that yields the weight store of a linear map.</summary>
public class WeightSlot(string name, WeightStore value) : Slot<WeightStore>(name, SlotKind.Weight, value)
{
    /// <summary>True if checkpoints keep the weight as [in, out] (GPT-2's Conv1D).</summary>
    internal bool IsTransposedOnDisk { get; init; }

    /// <inheritdoc/>
    public override long Count { get; } = value.Count;

    /// <inheritdoc/>
    internal override long Bytes => Base.Bytes;

    /// <inheritdoc/>
    public override Tensor Value => Base.Dense();

    /// <inheritdoc/>
    public override Tensor Copy() => Base.Dense().detach().clone();

    /// <inheritdoc/>
    public override Action ReplaceTensor(AdapterTag owner, Func<Tensor, ForwardContext, Tensor> replace) =>
        Replace(owner, (store, context) => new DenseStore(replace(store.Dense(), context)));

    /// <inheritdoc/>
    internal override Action ReplaceEntries(AdapterTag owner, EntryPatch patch) => Replace(owner, patch.Of);

    /// <inheritdoc/>
    internal override IDisposable Keep(Tensor merged) =>
        Base is DenseStore ? new DenseStore(merged.detach().clone().DetachFromDisposeScope()) : Base.Like(merged.detach());

    /// <inheritdoc/>
    internal override Tensor? Replaced(AdapterComposition composition) => ReplacedValue(composition)?.Dense();

    /// <inheritdoc/>
    private protected override WeightStore PerRow(IReadOnlyList<WeightStore> choices, long[] choice) =>
        new DenseStore(Gather(choices.Select(c => c.Dense()), choice));

    /// <inheritdoc/>
    private protected override WeightStore Mean(AdapterComposition.Average average, IReadOnlyList<WeightStore> values) =>
        new DenseStore(Mixture.Of([.. values.Select((value, i) => (value.Dense(), average.Weights[i]))]));
}
