using System.Text;
using System.Text.Json;

namespace PeftSharp.Data.Files;

/// <summary>The elements of a file that is one JSON array: never more than one of them is in memory.</summary>
internal sealed class JsonArrayReader(Stream stream, string path, int maxBytes)
{
    private readonly ByteWindow _window = new(stream);
    private int _line = 1;
    private JsonReaderState _state;

    private enum Token { Element, Bracket, More, End }

    public static IEnumerable<(int Line, JsonElement Value)> Read(string path, DataOptions options)
    {
        using var stream = DataFile.Open(path, options);
        var reader = new JsonArrayReader(stream, path, options.MaxLineBytes);
        reader.SkipPreamble();
        while (reader.TryNext(out var line, out var value)) yield return (line, value);
    }

    private bool TryNext(out int line, out JsonElement value)
    {
        try
        {
            while (true)
            {
                switch (Take(out line, out value))
                {
                    case Token.Element: return true;
                    case Token.End: return false;
                    case Token.More: Fill(); break;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Behind a broken element nothing can be trusted, so there is no skipping.
            throw new PeftException($"{path}, line {(e is JsonException { LineNumber: { } number } ? number + 1 : _line)}: not valid JSON, expected an array of objects; correct the file.", e);
        }
    }

    private Token Take(out int line, out JsonElement value)
    {
        (line, value) = (_line, default);
        var reader = new Utf8JsonReader(_window.Bytes, _window.Ended, _state);
        if (!reader.Read()) return _window.Ended ? Token.End : Token.More;
        if (reader.CurrentDepth == 0 && reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
        {
            Advance(reader);
            return Token.Bracket;
        }
        line = _line + _window.Bytes[..(int)reader.TokenStartIndex].Count((byte)'\n');
        if (!JsonDocument.TryParseValue(ref reader, out var document)) return Token.More;
        using (document) value = document.RootElement.Clone();
        Advance(reader);
        return Token.Element;
    }

    private void Advance(in Utf8JsonReader reader)
    {
        _line += _window.Bytes[..(int)reader.BytesConsumed].Count((byte)'\n');
        _window.Skip((int)reader.BytesConsumed);
        _state = reader.CurrentState;
    }

    private void SkipPreamble()
    {
        while (_window.Bytes.Length < 3 && !_window.Ended) Fill();
        if (_window.Bytes.StartsWith(Encoding.UTF8.Preamble)) _window.Skip(3);
    }

    private void Fill()
    {
        if (_window.Bytes.Length > maxBytes) throw new PeftException($"{path}, line {_line}: the element is longer than {maxBytes:N0} bytes; correct the file, or raise the limit (MaxLineBytes).");
        _window.Fill();
    }
}
