using System.Text;
using System.Text.Unicode;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>One physical line of a file: its text, or why it has none.</summary>
internal readonly record struct TextLine(int Number, string? Text, string? Problem);

/// <summary>Splits a UTF-8 file into lines (LF or CRLF), checking what a <see cref="StreamReader"/> would replace in silence.</summary>
internal sealed class LineReader(Stream stream, int maxBytes)
{
    private readonly ByteWindow _window = new(stream);
    private int _number;

    public static IEnumerable<TextLine> Read(string path, DataOptions options)
    {
        using var stream = DataFile.Open(path, options);
        var reader = new LineReader(stream, options.MaxLineBytes);
        while (reader.TryRead(out var line)) yield return line;
    }

    public bool TryRead(out TextLine line)
    {
        var scanned = 0;
        while (true)
        {
            var newline = _window.Bytes[scanned..].IndexOf((byte)'\n');
            if (newline >= 0) return Take(scanned + newline, 1, out line);
            scanned = _window.Bytes.Length;
            if (scanned > maxBytes) return Discard(out line);
            if (_window.Fill()) continue;
            if (_window.Bytes.Length > 0) return Take(_window.Bytes.Length, 0, out line);
            line = default;
            return false;
        }
    }

    private bool Take(int length, int separator, out TextLine line)
    {
        var bytes = _window.Bytes[..length];
        _window.Skip(length + separator);
        if (_number++ == 0 && bytes.StartsWith(Encoding.UTF8.Preamble)) bytes = bytes[3..];
        if (bytes.EndsWith("\r"u8)) bytes = bytes[..^1];
        line = bytes.Length > maxBytes ? new TextLine(_number, null, TooLong(maxBytes))
            : Utf8.IsValid(bytes) ? new TextLine(_number, Encoding.UTF8.GetString(bytes), null)
            : new TextLine(_number, null, NotUtf8(bytes));
        return true;
    }

    private bool Discard(out TextLine line)
    {
        line = new TextLine(++_number, null, TooLong(maxBytes));
        do
        {
            var newline = _window.Bytes.IndexOf((byte)'\n');
            if (newline >= 0)
            {
                _window.Skip(newline + 1);
                return true;
            }
            _window.Skip(_window.Bytes.Length);
        }
        while (_window.Fill());
        return true;
    }

    public static string TooLong(int maxBytes) =>
        $"the line is longer than {maxBytes:N0} bytes; check that the file has line ends, or raise the limit (MaxLineBytes)";

    public static string NotUtf8(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            return "the file is UTF-16, expected UTF-8; save it as UTF-8";
        var position = 0;
        while (Rune.DecodeFromUtf8(bytes[position..], out _, out var consumed) == System.Buffers.OperationStatus.Done) position += consumed;
        return $"byte {position + 1} (0x{bytes[position]:X2}) is not valid UTF-8; save the file as UTF-8";
    }
}
