using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>
/// Tensors that several adapters of one model read: random projections drawn from one seed, a prototype of which each adapter has a view of
/// its own. They belong to the model, lie in memory once, and are released with the last adapter that holds them.
/// </summary>
/// <remarks>
/// Tensors that are never trained are shared where their numbers are equal, whether they were drawn or read from files. A trained tensor is
/// shared by name (<c>PeftMethod.AddShared</c>): each adapter's gradient goes into the one tensor. Any number of threads may add and
/// remove adapters.
/// </remarks>
internal sealed class SharedArtifacts
{
    private readonly Lock _gate = new();
    private readonly List<SharedTensor> _held = [];

    /// <summary>The tensors that some adapter holds at this moment.</summary>
    public IReadOnlyList<SharedTensor> Held
    {
        get
        {
            lock (_gate) return [.. _held];
        }
    }

    /// <summary>Bytes of all of them, each counted once.</summary>
    public long Bytes => Held.Sum(held => held.Value.numel() * held.Value.element_size());

    /// <summary>Holds the tensor of these very numbers.</summary>
    /// <param name="name">The tensor's name; tensors of different names are never taken for each other.</param>
    /// <param name="value">Its numbers, in no dispose scope; taken over, and released where they are held already.</param>
    internal SharedTensor Hold(string name, Tensor value)
    {
        lock (_gate)
        {
            var held = _held.Find(one => one.IsLike(name, value));
            if (held is null) _held.Add(held = new(name, value));
            else value.Dispose();
            held.Holders++;
            return held;
        }
    }

    /// <summary>Holds the tensor that was held last under a name, or a new one where there is none.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The sizes that are expected.</param>
    /// <param name="make">Makes a new one, in no dispose scope.</param>
    /// <exception cref="PeftException">The one that is held has other sizes.</exception>
    internal SharedTensor Hold(string name, long[] shape, Func<Tensor> make)
    {
        lock (_gate)
        {
            var held = _held.FindLast(one => one.Name == name);
            if (held is not null && !held.Value.shape.SequenceEqual(shape))
                throw new PeftException(
                    $"The model's adapters share \"{name}\" of shape [{string.Join(", ", held.Value.shape)}], but these settings ask for "
                    + $"[{string.Join(", ", shape)}]; give the same sizes, or another name.");
            if (held is null) _held.Add(held = new(name, make()));
            held.Holders++;
            return held;
        }
    }

    /// <summary>Holds a tensor no more; the last one releases it.</summary>
    internal void Release(SharedTensor held)
    {
        lock (_gate)
        {
            if (--held.Holders > 0) return;
            _held.Remove(held);
            held.Value.Dispose();
        }
    }

    /// <summary>Gives a tensor back to its one holder, or a copy of it where there are others.</summary>
    internal Tensor Leave(SharedTensor held)
    {
        lock (_gate)
        {
            if (--held.Holders == 0)
            {
                _held.Remove(held);
                return held.Value;
            }
            return held.Value.detach().clone().requires_grad_(held.Value.requires_grad).DetachFromDisposeScope();
        }
    }
}
