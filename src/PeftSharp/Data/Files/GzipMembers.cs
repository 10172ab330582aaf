using System.Buffers.Binary;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.Checksum;
using ICSharpCode.SharpZipLib.Zip.Compression;

namespace PeftSharp.Data.Files;

/// <summary>
/// The content of a gzip file (RFC 1952), all its members one after another. A file that was cut, or has something else behind
/// its end, is refused: <see cref="System.IO.Compression.GZipStream"/> takes either for a file that simply ends there.
/// </summary>
internal sealed class GzipMembers : Stream
{
    // Below this much output no ratio is suspicious.
    private const long Unquestioned = 64 << 20;

    private readonly Stream _source;
    private readonly string _path;
    private readonly int _maxExpansion;
    private readonly Inflater _inflater = new(noHeader: true);
    private readonly Crc32 _crc = new();
    private readonly byte[] _input = new byte[1 << 16];
    private int _start, _end;
    private long _memberBytes, _totalBytes, _inputBytes;
    private bool _inside, _ended;

    public GzipMembers(Stream source, string path, int maxExpansion)
    {
        (_source, _path, _maxExpansion) = (source, path, maxExpansion);
        ReadHeader();
    }

    public static ReadOnlySpan<byte> Magic => [0x1F, 0x8B];

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (count == 0) return 0;
        while (!_ended)
        {
            if (!_inside && !NextMember()) break;
            if (Inflate(buffer, offset, count) is var read and > 0) return read;
        }
        return 0;
    }

    private int Inflate(byte[] buffer, int offset, int count)
    {
        try
        {
            var read = _inflater.Inflate(buffer, offset, count);
            _crc.Update(new ArraySegment<byte>(buffer, offset, read));
            _memberBytes += read;
            _totalBytes += read;
            if (_inflater.IsFinished) EndMember();
            else if (read == 0 && _inflater.IsNeedingInput) Feed();
            else if (read == 0) throw Bad("asks for a dictionary, which gzip has not");
            CheckExpansion();
            return read;
        }
        catch (Exception e) when (e is SharpZipBaseException or IndexOutOfRangeException)
        {
            throw Bad("holds bytes that no gzip file has", e);
        }
    }

    private void Feed()
    {
        if (_start == _end && !Fill()) throw Cut();
        _inflater.SetInput(_input, _start, _end - _start);
        _start = _end;
    }

    private void EndMember()
    {
        _start = _end - _inflater.RemainingInput;
        Span<byte> trailer = stackalloc byte[8];
        for (var i = 0; i < trailer.Length; i++) trailer[i] = Next();
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer) != (uint)_crc.Value)
            throw Bad("has a checksum that differs from its content's");
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]) != (uint)_memberBytes)
            throw Bad("has a length that differs from its content's");
        _inside = false;
    }

    // Zeros may fill the file up behind its last member, as tapes do.
    private bool NextMember()
    {
        var zeros = 0L;
        while (_start < _end || Fill())
        {
            if (_input[_start] != 0)
            {
                if (zeros > 0 || _input[_start] != Magic[0])
                    throw Bad($"ends before byte {_inputBytes - (_end - _start) + 1:N0}, where something else follows");
                ReadHeader();
                return true;
            }
            _start++;
            zeros++;
        }
        _ended = true;
        return false;
    }

    private void ReadHeader()
    {
        if (Next() != Magic[0] || Next() != Magic[1]) throw Bad("is followed by something else");
        if (Next() != 8) throw Bad("is packed by a method that gzip has not (only 8, deflate)");
        var flags = Next();
        for (var i = 0; i < 6; i++) Next(); // time, extra flags, system
        if ((flags & 4) != 0)
        {
            var length = Next() | Next() << 8;
            for (var i = 0; i < length; i++) Next();
        }
        if ((flags & 8) != 0) SkipText();
        if ((flags & 16) != 0) SkipText();
        if ((flags & 2) != 0) _ = Next() | Next();
        _inflater.Reset();
        _crc.Reset();
        (_memberBytes, _inside) = (0, true);
    }

    private void SkipText()
    {
        while (Next() != 0) { }
    }

    private byte Next() => _start < _end || Fill() ? _input[_start++] : throw Cut();

    private bool Fill()
    {
        (_start, _end) = (0, _source.Read(_input, 0, _input.Length));
        _inputBytes += _end;
        return _end > 0;
    }

    private void CheckExpansion()
    {
        if (_totalBytes > Unquestioned && _totalBytes / _maxExpansion > _inputBytes)
            throw new PeftException(
                $"{_path} unpacks to more than {_maxExpansion} times its size ({_totalBytes >> 20:N0} MB so far), which no text does; "
                + "unpack it and look at it, or raise the limit (MaxExpansion).");
    }

    private PeftException Cut() =>
        new($"{_path} is cut: the gzip file ends in the middle of its content, after {_totalBytes:N0} unpacked bytes; copy it again.");

    private PeftException Bad(string problem, Exception? cause = null)
    {
        var sentence = $"{_path} is damaged: the gzip content {problem}, after {_totalBytes:N0} unpacked bytes; copy it again.";
        return cause is null ? new PeftException(sentence) : new PeftException(sentence, cause);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _source.Dispose();
        base.Dispose(disposing);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _totalBytes; set => throw new NotSupportedException(); }

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
