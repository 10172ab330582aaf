using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>
/// The leading principal components of vectors that come bit by bit (Ross et al. 2008, Incremental Learning for Robust Visual Tracking):
/// memory for the components and the vectors at hand, whatever has gone before.
/// </summary>
/// <param name="most">Components that are kept.</param>
internal sealed class IncrementalComponents(int most) : IDisposable
{
    private Tensor? _components, _values, _mean, _squares;
    private long _seen;

    /// <summary>The directions, [components, width], the strongest first; borrowed.</summary>
    public Tensor Directions => _components ?? throw new InvalidOperationException("No vector was added.");

    /// <summary>True before the first vector.</summary>
    public bool IsEmpty => _components is null;

    /// <summary>True once the last vectors left every direction as it was.</summary>
    public bool IsSettled { get; private set; }

    /// <summary>Each direction's share of the variance of all vectors.</summary>
    public double[] Shares
    {
        get
        {
            using var scope = NewDisposeScope();
            var all = (_squares!.sum() - _mean!.Squared().sum().Times(_seen)).item<double>();
            return all <= 0 ? new double[_values!.shape[0]] : _values!.Squared().Times(1 / all).data<double>().ToArray();
        }
    }

    /// <summary>Adds vectors, [count, width].</summary>
    /// <param name="vectors">The vectors, of any floating-point type.</param>
    /// <param name="tau">The cosine from which on a direction counts as the same.</param>
    public void Add(Tensor vectors, double tau)
    {
        using var scope = NewDisposeScope();
        var x = vectors.to(ScalarType.Float64).cpu();
        var count = x.shape[0];
        if (count == 0) return;
        var mean = x.mean([0]);
        var centred = x - mean;
        var shift = Math.Sqrt((double)_seen * count / (_seen + count));
        Tensor[] parts = _components is null ? [centred]
            : [_components * _values!.unsqueeze(1), centred, (_mean! - mean).Times(shift).unsqueeze(0)];
        var (_, values, directions) = linalg.svd(cat(parts), fullMatrices: false);
        var kept = (int)Math.Min(most, values.shape[0]);
        directions = directions.narrow(0, 0, kept).contiguous();
        IsSettled = kept == most && _components?.shape[0] == most && SmallestCosine(directions) >= tau;
        var total = _seen + count;
        var newMean = _mean is null ? mean : _mean.Times(_seen).Plus(mean.Times(count)).Times(1.0 / total);
        var squares = x.Squared().sum(0L);
        Keep(ref _squares, _squares?.Plus(squares) ?? squares);
        Keep(ref _mean, newMean);
        Keep(ref _components, directions);
        Keep(ref _values, values.narrow(0, 0, kept).contiguous());
        _seen = total;
    }

    // The sign of a direction is nothing.
    private double SmallestCosine(Tensor directions) => (directions * _components!).sum(1L).abs().min().item<double>();

    private static void Keep(ref Tensor? place, Tensor value)
    {
        place?.Dispose();
        place = value.clone().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in (Tensor?[])[_components, _values, _mean, _squares]) tensor?.Dispose();
    }
}
