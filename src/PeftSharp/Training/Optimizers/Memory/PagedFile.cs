using PeftSharp.Data;
using PeftSharp.Data.Storage;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>
/// A file of zeros, whole on the disk before it is mapped: a write to a page without a place on the disk would end the program.
/// </summary>
internal sealed class PagedFile : IDisposable
{
    private readonly string _path;

    private readonly Dictionary<ScalarType, Tensor> _maps = [];

    private PagedFile(string path, long bytes)
    {
        _path = path;
        foreach (var (type, size) in Types)
            _maps[type] = from_file(path, shared: true, size: bytes / size, dtype: type).DetachFromDisposeScope();
    }

    /// <summary>The types that its content can be seen as, with the bytes of a number.</summary>
    public static IReadOnlyDictionary<ScalarType, int> Types { get; } = new Dictionary<ScalarType, int>
    {
        [ScalarType.Byte] = 1,
        [ScalarType.Float32] = 4,
        [ScalarType.Float64] = 8,
    };

    /// <summary>Numbers in the file, shared with it; the offset is in bytes, a multiple of a number's.</summary>
    public Tensor View(ScalarType type, long offset, long[] shape) =>
        _maps[type].narrow(0, offset / Types[type], shape.Aggregate(1L, (all, size) => all * size)).view(shape);

    /// <summary>Makes and maps a file.</summary>
    /// <exception cref="PeftException">The disk has no room, or the folder cannot be written.</exception>
    public static PagedFile Create(DataStorage storage, long bytes)
    {
        var folder = ScratchFile.FolderOf(storage);
        var path = Path.Combine(folder, $"{Guid.NewGuid():N}.state");
        try
        {
            Directory.CreateDirectory(folder);
            Fill(path, bytes);
            var file = new PagedFile(path, bytes);
            // Elsewhere than on Windows a file may lose its name while it is mapped.
            if (!OperatingSystem.IsWindows()) File.Delete(path);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Runtime.InteropServices.ExternalException)
        {
            Remove(path);
            throw new PeftException(
                $"The optimizer's state of {bytes >> 20:N0} MB cannot be kept in {folder}: {e.Message.Split('\n')[0].TrimEnd('.')}; "
                + "free space there, name another folder for the cache, or choose an optimizer without \"paged\".", e);
        }
    }

    private static void Fill(string path, long bytes)
    {
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            PreallocationSize = bytes,
            BufferSize = 0,
        });
        // Where the system cannot set space aside, writing it does.
        var zeros = new byte[1 << 20];
        for (var at = 0L; at < bytes; at += zeros.Length) stream.Write(zeros, 0, (int)Math.Min(zeros.Length, bytes - at));
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It lies in the folder for what can be made again.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var map in _maps.Values) map.Dispose();
        Remove(_path);
    }
}
