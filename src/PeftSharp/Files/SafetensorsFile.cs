using PeftSharp.Files;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>A safetensors file, opened for reading: the header is checked at once, tensors are mapped when asked for.</summary>
/// <remarks>
/// The file must not be changed in place while tensors read from it live (replacing it, as <see cref="SafetensorsWriter"/>
/// does, is safe; Windows refuses that while it is mapped). Members may be called from several threads.
/// </remarks>
internal sealed class SafetensorsFile : ITensorFile
{
    private readonly SafetensorsHeader _header;
    private readonly MappedFile _map;
    private bool _disposed;

    private SafetensorsFile(string path, SafetensorsHeader header, long length) =>
        (Path, _header, _map) = (path, header, new(path, length));

    /// <summary>The path that the file was opened by.</summary>
    public string Path { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _header.Tensors;

    /// <summary>The free-form metadata of the header; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks its header against its length.</summary>
    /// <exception cref="PeftException">The file is missing, unreadable, truncated, or its header is malformed.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            using var file = RegularFile.Open(path);
            return new SafetensorsFile(path, SafetensorsHeader.Read(file, path), file.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new PeftException(
                $"{path} could not be read as a safetensors file ({e.Message.TrimEnd('.')}); check the path and its permissions.", e);
        }
    }

    /// <summary>
    /// The tensor of that name, shape and type as stored: a view of the memory-mapped file, or a copy where the file does
    /// not align it for its type. Writing to it changes memory, never the file.
    /// </summary>
    /// <returns>A new tensor that the caller owns and disposes; it belongs to no dispose scope and outlives this object.</returns>
    /// <exception cref="PeftException">There is no such tensor, or the file has shrunk or gone since it was opened.</exception>
    public Tensor Read(string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!Tensors.TryGetValue(name, out var info))
            throw new PeftException(
                $"{Path} has no tensor {Quoted.Name(name)} among its {Tensors.Count}; check the name, or that the file belongs to "
                + "this model.");
        LibTorch.EnsureLoaded();
        if (info.ByteLength == 0) return empty(info.Shape, info.ScalarType).DetachFromDisposeScope();
        var size = SafetensorsType.Of(info.ScalarType).Size;
        // Bytes other than 0 and 1 are no booleans to libtorch, so those are copied and normalised.
        return info.ScalarType != ScalarType.Bool && info.Offset % size == 0
            ? _map.View(info.ScalarType, size, info.Offset, info.Shape)
            : Copy(info);
    }

    /// <inheritdoc/>
    void ITensorFile.Forget(string name)
    {
        if (Tensors.TryGetValue(name, out var info)) _map.Forget(info.ScalarType, info.Offset, info.ByteLength);
    }

    private Tensor Copy(TensorInfo info)
    {
        var isBool = info.ScalarType == ScalarType.Bool;
        var tensor = empty(info.Shape, isBool ? ScalarType.Byte : info.ScalarType).DetachFromDisposeScope();
        try
        {
            using (var file = File.OpenHandle(Path))
                TensorBytes.ForEachChunk(tensor, (chunk, done) => ReadExactly(file, chunk, info.Offset + done));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            tensor.Dispose();
            throw _map.Gone(e);
        }
        if (!isBool) return tensor;
        using (tensor) return tensor.IsNot(0).DetachFromDisposeScope();
    }

    private static void ReadExactly(Microsoft.Win32.SafeHandles.SafeFileHandle file, Span<byte> chunk, long offset)
    {
        while (chunk.Length > 0)
        {
            var read = RandomAccess.Read(file, chunk, offset);
            if (read == 0) throw new EndOfStreamException("the file ended early");
            chunk = chunk[read..];
            offset += read;
        }
    }

    /// <summary>Releases the maps; tensors already read stay valid.</summary>
    public void Dispose()
    {
        _disposed = true;
        _map.Dispose();
    }
}
