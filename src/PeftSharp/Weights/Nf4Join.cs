using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>4-bit weights that are dequantised below each other.</summary>
internal sealed class Nf4Join(Nf4Store[] stores) : WeightJoin
{
    // Of the parts from 0, 1 … on.
    private readonly Nf4Product[] _products = [.. Enumerable.Range(0, stores.Length).Select(first => new Nf4Product(stores[first..]))];

    public override IReadOnlyList<WeightStore> Parts => stores;

    public override Tensor Linear(Tensor x, Tensor? bias, int first) => _products[first].Linear(x, bias, x.dtype);

    public override Tensor? Linear(Tensor x, Tensor? bias, IReadOnlyList<WeightStore> instead) => null;
}
