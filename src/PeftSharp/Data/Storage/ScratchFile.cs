using Microsoft.Win32.SafeHandles;
using PeftSharp.Interop;

namespace PeftSharp.Data.Storage;

/// <summary>A file without a name, written once and then read anywhere; it is gone when the program is, however that ends.</summary>
internal sealed class ScratchFile : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private readonly FileStream _stream;
    private readonly string _folder;
    private readonly ScratchUse _use;

    public ScratchFile(DataStorage storage, ScratchUse? use = null)
    {
        _use = use ?? ScratchUse.Rows;
        _folder = FolderOf(storage);
        try
        {
            Directory.CreateDirectory(_folder);
            var path = Path.Combine(_folder, $"{Guid.NewGuid():N}.rows");
            // Windows deletes the file with its last handle; elsewhere a file may lose its name while it is open.
            _stream = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.Read | FileShare.Delete,
                BufferSize = BufferBytes,
                Options = FileOptions.DeleteOnClose,
                PreallocationSize = _use.Reserve,
            });
            if (!OperatingSystem.IsWindows()) File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(e);
        }
    }

    /// <summary>The folder in which such files lie.</summary>
    public static string FolderOf(DataStorage storage) => storage.Folder ?? UserCache.Path("scratch") ?? Path.GetTempPath();

    /// <summary>Bytes written so far.</summary>
    public long Length { get; private set; }

    public SafeFileHandle Handle => _stream.SafeFileHandle;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
            Length += bytes.Length;
        }
        catch (IOException e)
        {
            throw Failure(e);
        }
    }

    /// <summary>Ends writing.</summary>
    public FileStream Finish()
    {
        try
        {
            _stream.Flush();
            return _stream;
        }
        catch (IOException e)
        {
            throw Failure(e);
        }
    }

    public void Dispose() => _stream.Dispose();

    private PeftException Failure(Exception e) => new(
        $"{_use.What} cannot be kept in {_folder} after {Length >> 20:N0} MB: {e.Message.TrimEnd('.')}; "
        + $"free space there, name another folder for the cache, or {_use.Remedy}.", e);
}
