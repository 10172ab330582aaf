using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Keys and values of one attention, in buffers with room for more.</summary>
internal sealed class CachedKeys : IDisposable
{
    private const long Room = 64;

    private Tensor _keys, _values; // [rows, keyHeads, capacity, headDim]
    private long _length;

    public CachedKeys(Tensor keys, Tensor values)
    {
        _length = keys.shape[2];
        (_keys, _values) = (Buffer(keys, _length + Room), Buffer(values, _length + Room));
    }

    public long Bytes => 2 * _keys.numel() * _keys.element_size();

    // The views belong to the caller's scope.
    public (Tensor Keys, Tensor Values) Append(Tensor keys, Tensor values)
    {
        var added = keys.shape[2];
        if (_length + added > _keys.shape[2]) Grow(_length + added);
        Put(_keys, keys, added);
        Put(_values, values, added);
        _length += added;
        return (_keys.narrow(2, 0, _length), _values.narrow(2, 0, _length));
    }

    /// <summary>True if they are float32 in the CPU's memory, each head's behind the other, and as many.</summary>
    public bool AreNumbers(long rows, long keyHeads, long headDim)
    {
        bool Fits(Tensor x) => FusedOperation.Fits(x) && x.is_contiguous() && x.shape is var shape && shape[0] == rows
            && shape[1] == keyHeads && shape[3] == headDim;
        return Fits(_keys) && Fits(_values) && _length < int.MaxValue;
    }

    /// <summary>Makes room for one more of each head, counts it in, and says where all are.</summary>
    public unsafe KeyPlaces MakeRoom()
    {
        if (_length + 1 > _keys.shape[2]) Grow(_length + 1);
        _length++;
        var head = _keys.shape[2] * _keys.shape[3];
        return new((nint)TensorPointer.Of(_keys), (nint)TensorPointer.Of(_values), head, head * _keys.shape[1], (int)_length);
    }

    /// <summary>Forgets the last ones; their room is used again.</summary>
    public void DropLast(long count) => _length -= count;

    public void Replace(Func<Tensor, Tensor> replace) => (_keys, _values) = (replace(_keys), replace(_values));

    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
    }

    private void Put(Tensor buffer, Tensor added, long count)
    {
        if (FusedOperation.Fits(buffer) && FusedOperation.Fits(added) && added.numel() > 0 && added.stride(3) == 1)
        {
            CopyRows(buffer, added);
            return;
        }
        using var place = buffer.narrow(2, _length, count);
        place.copy_(added);
    }

    // A token's numbers are few: libtorch would take longer to look at the tensors than to copy them.
    private unsafe void CopyRows(Tensor buffer, Tensor added)
    {
        long[] shape = added.shape, step = added.stride();
        var (heads, dim, capacity) = (shape[1], (int)shape[3], buffer.shape[2]);
        float* from = (float*)TensorPointer.OfFirst(added), to = (float*)TensorPointer.Of(buffer);
        for (var row = 0L; row < shape[0]; row++)
            for (var head = 0L; head < heads; head++)
                for (var token = 0L; token < shape[2]; token++)
                {
                    var source = new ReadOnlySpan<float>(from + row * step[0] + head * step[1] + token * step[2], dim);
                    source.CopyTo(new Span<float>(to + ((row * heads + head) * capacity + _length + token) * dim, dim));
                }
        GC.KeepAlive(added);
        GC.KeepAlive(buffer);
    }

    // Half as much again, so that a long answer copies each key a few times in all.
    private void Grow(long needed)
    {
        var capacity = Math.Max(needed + Room, _keys.shape[2] * 3 / 2);
        (_keys, _values) = (Larger(_keys, capacity), Larger(_values, capacity));
    }

    private Tensor Larger(Tensor buffer, long capacity)
    {
        using var used = buffer.narrow(2, 0, _length);
        var larger = Buffer(used, capacity);
        buffer.Dispose();
        return larger;
    }

    private static Tensor Buffer(Tensor start, long capacity)
    {
        var shape = start.shape;
        var buffer = empty([shape[0], shape[1], capacity, shape[3]], dtype: start.dtype, device: start.device).DetachFromDisposeScope();
        using var used = buffer.narrow(2, 0, shape[2]);
        used.copy_(start);
        return buffer;
    }
}
