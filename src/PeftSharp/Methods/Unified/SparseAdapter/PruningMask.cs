using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.SparseAdapter;

/// <summary>
/// Which entries of an adapter's tensor count: the others are read as zero, by a forward and by merging alike, and get no gradient.
/// </summary>
internal sealed class PruningMask : IDisposable
{
    private readonly Action _undo;
    private Tensor _kept;

    public PruningMask(AdapterTensor tensor, AdapterTag tag)
    {
        Tensor = tensor;
        _kept = ones_like(tensor.Value, requires_grad: false).DetachFromDisposeScope();
        _undo = tensor.Slot.Replace(tag, (value, _) => value * _kept);
    }

    /// <summary>The tensor.</summary>
    public AdapterTensor Tensor { get; }

    /// <summary>1 where an entry counts, else 0, of the tensor's shape and type.</summary>
    public Tensor Kept => _kept;

    /// <summary>Lets these entries count, by their row-major positions.</summary>
    public void Keep(long[] positions)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var index = tensor(positions, ScalarType.Int64, device: _kept.device);
        var flat = zeros(_kept.numel(), _kept.dtype, _kept.device).scatter(0, index, ones(positions.Length, _kept.dtype, _kept.device));
        Set(flat.view(_kept.shape));
    }

    /// <summary>Lets every entry count.</summary>
    public void KeepAll()
    {
        using var guard = no_grad();
        using var all = ones_like(_kept);
        Set(all);
    }

    /// <summary>Takes over which entries count.</summary>
    public void Set(Tensor kept)
    {
        using var guard = no_grad();
        var before = _kept;
        _kept = kept.to(before.dtype, before.device, copy: true).DetachFromDisposeScope();
        before.Dispose();
    }

    /// <summary>One bit an entry (<see cref="MaskBits"/>).</summary>
    public Tensor ToBits() => MaskBits.Pack(_kept);

    /// <summary>Takes bits over.</summary>
    public void FromBits(Tensor bits)
    {
        using var scope = NewDisposeScope();
        Set(MaskBits.Unpack(bits, _kept.shape));
    }

    public void Dispose()
    {
        _undo();
        _kept.Dispose();
    }
}
