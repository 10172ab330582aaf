using System.Text.Json;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace PeftSharp.Data.Files;

/// <summary>An open parquet file: its columns, and the row groups' column chunks as the format stores them.</summary>
internal sealed class ParquetFile : IDisposable
{
    // A row group is read column by column, each of them whole.
    private const int MaxGroupRows = 1 << 24, MaxGroupValues = 1 << 27;
    private const int MagicBytes = 4;

    private readonly Parquet.ParquetReader _reader;
    private readonly Dictionary<string, Field> _fields;

    private ParquetFile(string path, Parquet.ParquetReader reader)
    {
        (Path, _reader) = (path, reader);
        ColumnNames = [.. reader.Schema.Fields.Select(field => field.Name)];
        if (ColumnNames.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new PeftException($"{path} has two columns {BadRows.Quote(twice.Key)}; give each a name of its own.");
        _fields = reader.Schema.Fields.ToDictionary(field => field.Name);
        ColumnTypes = _fields.ToDictionary(field => field.Key, field => ParquetTypes.Name(field.Value));
    }

    public string Path { get; }

    public IReadOnlyList<string> ColumnNames { get; }

    /// <summary>Type of each column, as Hugging Face names it: string, int64, float32, list&lt;int32&gt;.</summary>
    public IReadOnlyDictionary<string, string> ColumnTypes { get; }

    public int Groups => _reader.RowGroupCount;

    public static ParquetFile Open(string path)
    {
        var stream = DataFile.OpenRaw(path);
        try
        {
            CheckEnds(path, stream);
            return Guard(path, () => new ParquetFile(path, Parquet.ParquetReader.CreateAsync(stream, leaveStreamOpen: false).GetAwaiter().GetResult()));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Rows of a row group.</summary>
    public int Rows(int group) => Guard(Path, () =>
    {
        using var reader = _reader.OpenRowGroupReader(group);
        return reader.RowCount is >= 0 and <= MaxGroupRows ? (int)reader.RowCount : throw new PeftException(
            $"{Path}: row group {group + 1} says that it has {reader.RowCount:N0} rows, more than the {MaxGroupRows:N0} that are read at once; write the file with smaller row groups.");
    });

    /// <summary>A column of a row group: values without nulls, and the levels that tell where nulls and lists are.</summary>
    /// <param name="group">The row group, from 0.</param>
    /// <param name="column">Name of the column.</param>
    /// <param name="take">Makes what is wanted of it; the data is gone afterwards.</param>
    public T Read<T>(int group, string column, Func<DataField, RawColumnData, T> take) => Guard(Path, () =>
    {
        var field = Leaf(column);
        using var reader = _reader.OpenRowGroupReader(group);
        if (reader.GetMetadata(field)?.MetaData?.NumValues is < 0 or > MaxGroupValues)
            throw new PeftException($"{Path}: the column {BadRows.Quote(column)} has more values in row group {group + 1} than the {MaxGroupValues:N0} that are read at once; write the file with smaller row groups.");
        using var data = reader.ReadRawColumnDataBaseAsync(field).AsTask().GetAwaiter().GetResult();
        return take(field, data);
    });

    /// <summary>The classes of a column that Hugging Face's metadata names; null if it names none.</summary>
    public IReadOnlyList<string>? ClassNames(string column)
    {
        if (!Guard(Path, () => _reader.CustomMetadata).TryGetValue("huggingface", out var text)) return null;
        try
        {
            using var document = JsonDocument.Parse(text);
            var feature = document.RootElement.GetProperty("info").GetProperty("features").GetProperty(column);
            if (feature.GetProperty("_type").GetString() != "ClassLabel") return null;
            string[] names = [.. feature.GetProperty("names").EnumerateArray().Select(name => name.GetString()!)];
            return names.Length > 0 && names.Distinct(StringComparer.Ordinal).Count() == names.Length ? names : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // The metadata is an addition: without it, labels are the numbers that the column holds.
            return null;
        }
    }

    private DataField Leaf(string column) => _fields[column] switch
    {
        ListField { Item: DataField item } => item,
        DataField field => field,
        _ => throw new PeftException($"{Path}: the column {BadRows.Quote(column)} holds {ColumnTypes[column]}, which is not read."),
    };

    private static void CheckEnds(string path, Stream stream)
    {
        Span<byte> head = stackalloc byte[MagicBytes], tail = stackalloc byte[8];
        var read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        if (read < head.Length || !head.SequenceEqual("PAR1"u8))
            throw new PeftException($"{path} is no parquet file: it does not start with PAR1; check its name.");
        if (stream.Length >= 3 * MagicBytes)
        {
            stream.Position = stream.Length - tail.Length;
            stream.ReadExactly(tail);
        }
        stream.Position = 0;
        if (tail[4..].SequenceEqual("PARE"u8)) throw new PeftException($"{path} is encrypted; decrypt it first.");
        if (!tail[4..].SequenceEqual("PAR1"u8)) throw new PeftException($"{path} is cut: a parquet file ends with PAR1, and this one does not; copy it again.");
        var footer = BitConverter.ToUInt32(tail);
        if (footer > stream.Length - 3 * MagicBytes)
            throw new PeftException($"{path} is damaged: its last bytes say that {footer:N0} bytes of metadata stand before them, in a file of {stream.Length:N0} bytes; copy it again.");
    }

    // The reader fails on damaged files in as many ways as there are.
    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not PeftException)
        {
            throw new PeftException($"{path} is damaged, or written in a way that is not read here ({e.GetType().Name}: {e.Message.Split('\n')[0].Trim().TrimEnd('.')}); copy it again, or convert it.", e);
        }
    }

    public void Dispose() => _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
