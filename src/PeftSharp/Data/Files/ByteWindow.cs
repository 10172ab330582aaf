namespace PeftSharp.Data.Files;

/// <summary>The part of a stream that is being looked at; it grows as far as what is looked for needs.</summary>
internal sealed class ByteWindow(Stream stream)
{
    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;

    /// <summary>What has been read and not passed yet; valid until <see cref="Fill"/>.</summary>
    public Span<byte> Bytes => _buffer.AsSpan(_start, _end - _start);

    /// <summary>True once the stream has no more.</summary>
    public bool Ended { get; private set; }

    /// <summary>Passes bytes.</summary>
    public void Skip(int count) => _start += count;

    /// <summary>Reads more; false if there is no more.</summary>
    public bool Fill()
    {
        if (Ended) return false;
        if (_start > 0)
        {
            Bytes.CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        var read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        Ended = read == 0;
        return !Ended;
    }
}
