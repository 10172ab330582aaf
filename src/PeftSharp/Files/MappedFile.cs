using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>A file of tensors, mapped into memory once per element type, since libtorch cannot reinterpret a tensor's type.</summary>
/// <param name="path">The file.</param>
/// <param name="length">Its length when it was opened.</param>
internal sealed class MappedFile(string path, long length) : IDisposable
{
    private readonly Dictionary<ScalarType, Tensor> _maps = [];
    private readonly Lock _gate = new();
    private bool _disposed;

    /// <summary>A stretch of the file as a tensor. Writing to it changes memory, never the file.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="size">Bytes of an element, of which the offset is a multiple.</param>
    /// <param name="offset">Bytes from the start of the file.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>A new tensor in no dispose scope, which outlives this object.</returns>
    /// <exception cref="PeftException">The file has shrunk or gone.</exception>
    public Tensor View(ScalarType type, int size, long offset, long[] shape)
    {
        using var flat = Map(type, size).narrow(0, offset / size, shape.Aggregate(1L, (count, dimension) => count * dimension));
        return flat.view(shape).DetachFromDisposeScope();
    }

    /// <summary>A stretch was read and will not be again: its pages are given back. For what nobody has written to.</summary>
    public unsafe void Forget(ScalarType type, long offset, long bytes)
    {
        lock (_gate)
            if (_maps.TryGetValue(type, out var map)) PageAdvice.Forget((nint)TensorPointer.Of(map) + (nint)offset, bytes);
    }

    /// <summary>What to throw where the file cannot be read again.</summary>
    public PeftException Gone(Exception e) =>
        new($"{path} could not be read again after it was opened ({e.Message.Split('\n')[0].TrimEnd('.')}); leave the file in place while "
            + "it is in use.", e);

    /// <summary>Releases the maps; tensors already read stay valid.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var map in _maps.Values) map.Dispose();
            _maps.Clear();
        }
    }

    private Tensor Map(ScalarType type, int size)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_maps.TryGetValue(type, out var map)) return map;
            try
            {
                // libtorch would map a shorter file all the same, and reading beyond its end kills the process.
                if (FileSize.Of(path) < length) throw new IOException("the file has shrunk");
                return _maps[type] = from_file(path, shared: false, size: length / size, dtype: type).DetachFromDisposeScope();
            }
            catch (Exception e) when (e is IOException or System.Runtime.InteropServices.ExternalException)
            {
                throw Gone(e);
            }
        }
    }
}
