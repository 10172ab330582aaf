using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace PeftSharp.Data.Storage;

/// <summary>A long list of numbers, written once and then read as spans: an array up to a limit, a mapped file beyond it.</summary>
internal sealed unsafe class NumberStore<T>(DataStorage storage, ScratchUse? use = null) : IDisposable where T : unmanaged
{
    private T[] _values = [];
    private ScratchFile? _file;
    private MemoryMappedViewAccessor? _view;
    private T* _mapped;
    private bool _disposed;

    /// <summary>Numbers written.</summary>
    public long Count { get; private set; }

    /// <summary>True if the numbers lie in a file.</summary>
    public bool OnDisk => _file is not null;

    public void Append(ReadOnlySpan<T> values)
    {
        if (_file is null && (Count + values.Length) * sizeof(T) > Math.Min(storage.MemoryBytes, Array.MaxLength)) Spill();
        if (_file is not null) _file.Append(MemoryMarshal.AsBytes(values));
        else
        {
            if (Count + values.Length > _values.Length)
                Array.Resize(ref _values, (int)Math.Min(Math.Max(Count + values.Length, _values.Length * 2L), Array.MaxLength));
            values.CopyTo(_values.AsSpan((int)Count));
        }
        Count += values.Length;
    }

    /// <summary>Ends writing; numbers can be read from now on.</summary>
    public void Finish()
    {
        if (_file is null)
        {
            Array.Resize(ref _values, (int)Count);
            return;
        }
        using var map = MemoryMappedFile.CreateFromFile(
            _file.Finish(), null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _mapped = (T*)(start + _view.PointerOffset);
    }

    /// <summary>Some numbers; valid while the store is referenced.</summary>
    public ReadOnlySpan<T> Slice(long start, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _file is null ? _values.AsSpan((int)start, length) : new(_mapped + start, length);
    }

    /// <summary>Lets go of the file at once; nothing can be read any more.</summary>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _disposed = true;
        Unmap();
        _values = [];
        _view?.Dispose();
        _file?.Dispose();
    }

    // The view's own finalizer, which comes after this one, unmaps the file only once the pointer is given back.
    ~NumberStore() => Unmap();

    private void Unmap()
    {
        if (_mapped is not null) _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _mapped = null;
    }

    private void Spill()
    {
        _file = new ScratchFile(storage, use);
        _file.Append(MemoryMarshal.AsBytes(_values.AsSpan(0, (int)Count)));
        _values = [];
    }
}
