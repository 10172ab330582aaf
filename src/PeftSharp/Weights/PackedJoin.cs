using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Weights in few bits that are unpacked below each other.</summary>
internal sealed class PackedJoin(PackedStore[] stores) : WeightJoin
{
    // Of the parts from 0, 1 … on.
    private readonly PackedProduct[] _products = [.. Enumerable.Range(0, stores.Length)
        .Select(first => new PackedProduct(stores[first..]))];

    public override IReadOnlyList<WeightStore> Parts => stores;

    public override Tensor Linear(Tensor x, Tensor? bias, int first) => _products[first].Linear(x, bias, x.dtype);

    public override Tensor? Linear(Tensor x, Tensor? bias, IReadOnlyList<WeightStore> instead) => null;
}
