using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Weights of one input laid beside each other, so that one product serves them all.</summary>
internal abstract class WeightJoin : IDisposable
{
    /// <summary>The stores as they are kept in the join, in its order.</summary>
    public abstract IReadOnlyList<WeightStore> Parts { get; }

    /// <summary>x·Wᵀ (+ bias) of the parts from <paramref name="first"/> on: […, in] → […, sum of their widths].</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="bias">[sum of their widths], or null.</param>
    /// <param name="first">Index of the first part.</param>
    public abstract Tensor Linear(Tensor x, Tensor? bias, int first);

    /// <summary>The same with other weights in the parts' place; null where they cannot be joined for one call.</summary>
    public abstract Tensor? Linear(Tensor x, Tensor? bias, IReadOnlyList<WeightStore> instead);

    /// <summary>Releases what the join itself holds; the parts are their slots'.</summary>
    public virtual void Dispose() { }

    /// <summary>
    /// Joins stores of one kind; null where their kinds differ or do not join. Stores that are kept as plain tensors become views of one.
    /// </summary>
    public static WeightJoin? Of(IReadOnlyList<WeightStore> stores) => stores[0] switch
    {
        DenseStore when stores.All(s => s is DenseStore) => new TensorJoin(stores, half: false),
        HalfStore when stores.All(s => s is HalfStore) => new TensorJoin(stores, half: true),
        PackedStore when stores.All(s => s is PackedStore) => new PackedJoin([.. stores.Cast<PackedStore>()]),
        _ => null,
    };
}
