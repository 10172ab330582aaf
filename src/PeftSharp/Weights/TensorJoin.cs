using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Dense or bfloat16 weights as rows of one tensor.</summary>
internal sealed class TensorJoin : WeightJoin
{
    private readonly bool _half;
    private readonly Tensor _weight; // [sum of widths, in]
    private readonly long[] _starts;

    public TensorJoin(IReadOnlyList<WeightStore> stores, bool half)
    {
        using var scope = NewDisposeScope();
        _half = half;
        _weight = cat([.. stores.Select(Raw)]).DetachFromDisposeScope();
        _starts = new long[stores.Count];
        var parts = new WeightStore[stores.Count];
        var row = 0L;
        for (var i = 0; i < stores.Count; i++)
        {
            Raw(stores[i]).Dispose();
            var view = _weight.narrow(0, row, stores[i].OutFeatures).DetachFromDisposeScope();
            parts[i] = half ? new HalfStore(view) : new DenseStore(view);
            _starts[i] = row;
            row += stores[i].OutFeatures;
        }
        Parts = parts;
    }

    public override IReadOnlyList<WeightStore> Parts { get; }

    public override Tensor Linear(Tensor x, Tensor? bias, int first) =>
        Multiply(x, first == 0 ? _weight : _weight.narrow(0, _starts[first], _weight.shape[0] - _starts[first]), bias);

    public override Tensor? Linear(Tensor x, Tensor? bias, IReadOnlyList<WeightStore> instead)
    {
        if (instead.Any(store => store is PatchedStore)) return _half ? null : PatchedProduct.Of(x, bias, instead);
        var parts = new Tensor[instead.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            var isOurs = _half ? instead[i] is HalfStore : instead[i] is DenseStore { Weight: var own } && own.dim() == 2;
            if (!isOurs) return null;
            parts[i] = Raw(instead[i]);
        }
        return Multiply(x, _half ? cat(parts) : Joined(parts), bias);
    }

    // Copies of another place are put below each other; what lies where our own parts do is so already.
    private Tensor Joined(Tensor[] parts)
    {
        var first = Parts.Count - parts.Length;
        for (var i = 0; i < parts.Length; i++)
            if (!LiesAt(parts[i], first + i)) return cat(parts);
        return new RowsBeside(first == 0 ? _weight : _weight.narrow(0, _starts[first], _weight.shape[0] - _starts[first])).Of(parts);
    }

    private unsafe bool LiesAt(Tensor part, int index)
    {
        var own = Raw(Parts[index]);
        return part.is_contiguous() && part.numel() > 0 && TensorPointer.OfFirst(part) == TensorPointer.OfFirst(own);
    }

    public override void Dispose() => _weight.Dispose();

    private Tensor Multiply(Tensor x, Tensor weight, Tensor? bias) => _half
        ? nn.functional.linear(x.to(ScalarType.BFloat16), weight, bias?.to(ScalarType.BFloat16)).to(ScalarType.Float32)
        : DenseProduct.Of(x, weight, bias);

    private static Tensor Raw(WeightStore store) => store is HalfStore half ? half.Weight : ((DenseStore)store).Weight;
}
