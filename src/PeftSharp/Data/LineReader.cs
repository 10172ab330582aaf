using System.Text;
using System.Text.Unicode;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>
/// Splits a UTF-8 file into lines (LF or CRLF; CR where the file has no other), checking what a <see cref="StreamReader"/> would replace in
/// silence.
/// </summary>
internal sealed class LineReader(Stream stream, string name, int maxBytes)
{
    // A stream without line ends, as some devices are, would be passed over for ever.
    private const long MaxDiscarded = 1L << 30;

    private readonly ByteWindow _window = new(stream);
    private byte _end;
    private int _number;

    public static IEnumerable<TextLine> Read(string path, DataOptions options)
    {
        using var stream = DataFile.Open(path, options);
        foreach (var line in Read(stream, path, options)) yield return line;
    }

    public static IEnumerable<TextLine> Read(Stream stream, string name, DataOptions options)
    {
        var reader = new LineReader(stream, name, options.MaxLineBytes);
        while (reader.TryRead(out var line)) yield return line;
    }

    public bool TryRead(out TextLine line)
    {
        if (_end == 0) _end = LineEnd();
        var scanned = 0;
        while (true)
        {
            var newline = _window.Bytes[scanned..].IndexOf(_end);
            if (newline >= 0) return Take(scanned + newline, 1, out line);
            scanned = _window.Bytes.Length;
            if (scanned > maxBytes) return Discard(out line);
            if (_window.Fill()) continue;
            if (_window.Bytes.Length > 0) return Take(_window.Bytes.Length, 0, out line);
            line = default;
            return false;
        }
    }

    // What ends lines, told from the start of the file: CR alone ended them on old systems.
    private byte LineEnd()
    {
        while (_window.Bytes.Length < 1 << 16 && _window.Bytes.IndexOf((byte)'\n') < 0 && _window.Fill())
        {
        }
        var start = _window.Bytes;
        return start.IndexOf((byte)'\n') < 0 && start.IndexOf((byte)'\r') >= 0 ? (byte)'\r' : (byte)'\n';
    }

    private bool Take(int length, int separator, out TextLine line)
    {
        var bytes = _window.Bytes[..length];
        _window.Skip(length + separator);
        if (_number++ == 0 && bytes.StartsWith(Encoding.UTF8.Preamble)) bytes = bytes[3..];
        if (bytes.EndsWith("\r"u8)) bytes = bytes[..^1];
        line = bytes.Length > maxBytes ? new TextLine(_number, null, TooLong(maxBytes))
            : Problem(bytes) is { } problem ? new TextLine(_number, null, problem)
            : new TextLine(_number, Encoding.UTF8.GetString(bytes), null);
        return true;
    }

    private bool Discard(out TextLine line)
    {
        line = new TextLine(++_number, null, TooLong(maxBytes));
        var passed = 0L;
        do
        {
            var newline = _window.Bytes.IndexOf(_end);
            if (newline >= 0)
            {
                _window.Skip(newline + 1);
                return true;
            }
            passed += _window.Bytes.Length;
            if (passed > MaxDiscarded)
                throw new PeftException(
                    $"{name}, line {_number}: no line end within {MaxDiscarded >> 30} GB, as no text file has it; check the file.");
            _window.Skip(_window.Bytes.Length);
        }
        while (_window.Fill());
        return true;
    }

    public static string TooLong(int maxBytes) =>
        $"the line is longer than {maxBytes:N0} bytes; check that the file has line ends, or raise the limit (MaxLineBytes)";

    /// <summary>Why bytes are no line of text; null if they are one.</summary>
    public static string? Problem(ReadOnlySpan<byte> bytes)
    {
        if (!Utf8.IsValid(bytes)) return NotUtf8(bytes);
        return bytes.IndexOf((byte)0) is var at and >= 0
            ? $"byte {at + 1} is 0, as in UTF-16 and in binary files; save the file as UTF-8 text"
            : null;
    }

    private static string NotUtf8(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            return "the file is UTF-16, expected UTF-8; save it as UTF-8";
        var position = 0;
        while (Rune.DecodeFromUtf8(bytes[position..], out _, out var consumed) == System.Buffers.OperationStatus.Done) position += consumed;
        return $"byte {position + 1} (0x{bytes[position]:X2}) is not valid UTF-8; save the file as UTF-8";
    }
}
