using Microsoft.Win32.SafeHandles;
using PeftSharp.Interop;

namespace PeftSharp.Data.Storage;

/// <summary>A file without a name, written once and then read anywhere; it is gone when the program is, however that ends.</summary>
internal sealed class ScratchFile
{
    private const int BufferBytes = 1 << 20;
    private readonly FileStream _stream;
    private readonly string _folder;

    public ScratchFile(DataStorage storage)
    {
        _folder = storage.Folder ?? UserCache.Path("scratch") ?? Path.GetTempPath();
        try
        {
            Directory.CreateDirectory(_folder);
            var path = Path.Combine(_folder, $"{Guid.NewGuid():N}.rows");
            // Windows deletes the file with its last handle; elsewhere a file may lose its name while it is open.
            _stream = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, BufferBytes, FileOptions.DeleteOnClose);
            if (!OperatingSystem.IsWindows()) File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(e);
        }
    }

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

    private PeftException Failure(Exception e) => new(
        $"The rows do not fit the memory set aside for them, and cannot be kept in {_folder} after {Length >> 20:N0} MB: {e.Message.TrimEnd('.')}; "
        + "free space there, name another folder for the cache, or allow more memory.", e);
}
