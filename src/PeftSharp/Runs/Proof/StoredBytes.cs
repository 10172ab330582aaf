using Microsoft.Win32.SafeHandles;

namespace PeftSharp.Runs.Proof;

/// <summary>Reads pieces of tensors from their files, each opened once: no map, no libtorch, no tensor in memory.</summary>
internal sealed class StoredBytes : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> _files = new(StringComparer.Ordinal);

    /// <exception cref="PeftException">The file has shrunk, gone, or cannot be read.</exception>
    public void Read(StoredTensor tensor, long from, Span<byte> into)
    {
        try
        {
            if (!_files.TryGetValue(tensor.File, out var file)) file = _files[tensor.File] = File.OpenHandle(tensor.File);
            var offset = tensor.Info.Offset + from;
            while (into.Length > 0)
            {
                var read = RandomAccess.Read(file, into, offset);
                if (read == 0) throw new EndOfStreamException("the file ended early");
                into = into[read..];
                offset += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"{tensor.File} could not be read ({e.Message.TrimEnd('.')}); leave the file in place while it is in use.", e);
        }
    }

    public void Dispose()
    {
        foreach (var file in _files.Values) file.Dispose();
    }
}
