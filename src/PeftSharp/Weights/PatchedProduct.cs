using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// x·Wᵀ (+ bias) of frozen weights below each other, of some of which single entries are trained, as one node of the graph that keeps no
/// dense weight.
/// </summary>
internal sealed class PatchedProduct : FusedOperation
{
    private readonly IReadOnlyList<WeightStore> _parts;
    private readonly bool _hasBias;

    private PatchedProduct(IReadOnlyList<WeightStore> parts, bool hasBias) => (_parts, _hasBias) = (parts, hasBias);

    /// <summary>The product; null where more is trained of a weight than entries, or it is kept in another form.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="bias">[sum of the weights' rows], or null.</param>
    /// <param name="parts">Dense stores, and patched ones.</param>
    public static Tensor? Of(Tensor x, Tensor? bias, IReadOnlyList<WeightStore> parts)
    {
        var fits = parts.All(part => part is PatchedStore { IsFrozenElsewhere: true } or DenseStore { Weight.requires_grad: false });
        if (!fits) return null;
        var values = parts.OfType<PatchedStore>().Select(part => part.Values);
        Tensor[] inputs = bias is null ? [x, .. values] : [x, bias, .. values];
        return new PatchedProduct(parts, bias is not null).Apply(inputs);
    }

    private int FirstValues => _hasBias ? 2 : 1;

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        using var scope = NewDisposeScope();
        return DenseProduct.Of(inputs[0], Weight(inputs), _hasBias ? inputs[1] : null).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        using var scope = NewDisposeScope();
        var found = new Tensor?[inputs.Count];
        var x = inputs[0].reshape(-1, inputs[0].shape[^1]);              // [tokens, in]
        var rows = gradient.reshape(-1, gradient.shape[^1]);             // [tokens, out]
        if (inputs[0].requires_grad) found[0] = DenseProduct.Back(rows, Weight(inputs)).reshape(inputs[0].shape);
        if (_hasBias && inputs[1].requires_grad) found[1] = rows.sum([0]);
        var (row, at) = (0L, FirstValues);
        foreach (var part in _parts)
        {
            if (part is PatchedStore patched)
            {
                if (inputs[at].requires_grad) found[at] = EntryDots.Of(rows.narrow(1, row, part.OutFeatures), x, patched.Entries);
                at++;
            }
            row += part.OutFeatures;
        }
        foreach (var one in found) one?.DetachFromDisposeScope();
        return found;
    }

    // The weights of this call below each other, [out, in].
    private Tensor Weight(IReadOnlyList<Tensor> inputs)
    {
        var values = inputs[FirstValues];
        var weight = empty([_parts.Sum(part => part.OutFeatures), _parts[0].InFeatures], values.dtype, values.device);
        var (row, at) = (0L, FirstValues);
        foreach (var part in _parts)
        {
            using var scope = NewDisposeScope();
            var own = weight.narrow(0, row, part.OutFeatures);
            if (part is PatchedStore patched) patched.WriteInto(own, inputs[at++]);
            else own.copy_(part.Dense());
            row += part.OutFeatures;
        }
        return weight;
    }
}
