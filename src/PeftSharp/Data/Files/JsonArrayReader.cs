using System.Text;
using System.Text.Json;

namespace PeftSharp.Data.Files;

/// <summary>The elements of a file that is one JSON array: never more than one of them is in memory.</summary>
internal sealed class JsonArrayReader(Stream stream, string path, int maxBytes)
{
    private readonly ByteWindow _window = new(stream);
    private int _line = 1;
    // What lies too deep is told by JsonRowCheck, as a row's problem.
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 1000 });

    private enum Token { Element, Bracket, More, End }

    public static IEnumerable<(int Line, JsonElement Value, string? Problem)> Read(string path, DataOptions options)
    {
        using var stream = DataFile.Open(path, options);
        var reader = new JsonArrayReader(stream, path, options.MaxLineBytes);
        reader.SkipPreamble();
        while (reader.TryNext(out var line, out var value, out var problem)) yield return (line, value, problem);
    }

    private bool TryNext(out int line, out JsonElement value, out string? problem)
    {
        try
        {
            while (true)
            {
                switch (Take(out line, out value, out problem))
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
            throw new PeftException(
                $"{path}, line {(e is JsonException { LineNumber: { } number } ? number + 1 : _line)}: not valid JSON, expected an array "
                + "of objects; correct the file.",
                e);
        }
    }

    private Token Take(out int line, out JsonElement value, out string? problem)
    {
        (line, value, problem) = (_line, default, null);
        var reader = new Utf8JsonReader(_window.Bytes, _window.Ended, _state);
        if (!reader.Read()) return _window.Ended ? Token.End : Token.More;
        if (reader.CurrentDepth == 0 && reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
        {
            Advance(reader);
            return Token.Bracket;
        }
        line = _line + _window.Bytes[..(int)reader.TokenStartIndex].Count((byte)'\n');
        var at = reader;
        if (!at.TrySkip()) return Token.More;
        problem = JsonRowCheck.Problem(_window.Bytes[(int)reader.TokenStartIndex..(int)at.BytesConsumed]);
        if (problem is not null) reader = at;
        else if (JsonDocument.TryParseValue(ref reader, out var document))
        {
            using (document) value = document.RootElement.Clone();
        }
        else return Token.More;
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
        if (_window.Bytes.Length > maxBytes)
            throw new PeftException(
                $"{path}, line {_line}: the element is longer than {maxBytes:N0} bytes; correct the file, or raise the limit "
                + "(MaxLineBytes).");
        // As much again at a time: what was looked at in vain is looked at once more.
        var enough = Math.Max(2 * _window.Bytes.Length, 1 << 12);
        while (_window.Bytes.Length < enough && _window.Fill())
        {
        }
    }
}
