using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>
/// A constant weight that stands in for the base's where an adapter that began with a share of it is active; the base itself stays as it
/// is. Made once, where it is read first, and of the start factors that are kept for it, so that nothing has to be decomposed again.
/// </summary>
internal sealed class BaseChange : IDisposable
{
    private readonly WeightSlot _slot;
    private readonly Lazy<WeightStore> _store;

    private BaseChange(WeightSlot slot, Tensor? a, Tensor? b, Func<WeightStore> make) => (_slot, A, B, _store) = (slot, a, b, new(make));

    /// <summary>The first factor's start, [rank, in]; null where the factors are no share of the weight.</summary>
    public Tensor? A { get; }

    /// <summary>The second factor's start, [out, rank].</summary>
    public Tensor? B { get; }

    /// <summary>
    /// True if the weight is the base's less scale · B₀·A₀, so that the adapter is a plain one of twice the rank beside the base.
    /// </summary>
    public bool IsResidual => A is not null;

    /// <summary>
    /// What is left of the weight: W − scale · B₀·A₀, in the form in which the base is kept. Takes copies of the factors.
    /// </summary>
    public static BaseChange Residual(WeightSlot slot, Tensor a, Tensor b, double scale)
    {
        var (keptA, keptB) = (Own(a), Own(b));
        return new(slot, keptA, keptB, () => Made(slot, w => slot.Base is DenseStore
            ? new DenseStore(w.Plus(matmul(keptB, keptA).to(w.dtype), -scale).DetachFromDisposeScope())
            : slot.Base.Like(w.Plus(matmul(keptB, keptA).to(w.dtype), -scale))));
    }

    /// <summary>The weight less scale · B·A, quantised; the factors are read when it is made.</summary>
    public static BaseChange Quantized(WeightSlot slot, AdapterTensor? a, AdapterTensor? b, double scale, int blockSize) => new(
        slot, null, null, () => Made(slot, w => FourBitStore.Quantize(
            a is null || b is null ? w : w.Plus(matmul(b.Value, a.Value).to(w.dtype), -scale), blockSize)));

    /// <summary>What is read in place of a value of the slot.</summary>
    public WeightStore In(WeightStore value)
    {
        if (ReferenceEquals(value, _slot.Base)) return _store.Value;
        // Another adapter has changed the weight as well: both changes count.
        return new DenseStore(value.Dense().Plus(_store.Value.Dense()).Plus(_slot.Base.Dense(), -1));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        A?.Dispose();
        B?.Dispose();
        if (_store.IsValueCreated) _store.Value.Dispose();
    }

    private static WeightStore Made(WeightSlot slot, Func<Tensor, WeightStore> make)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return make(slot.Base.Dense());
    }

    private static Tensor Own(Tensor value)
    {
        using var guard = no_grad();
        return value.detach().clone().DetachFromDisposeScope();
    }
}
