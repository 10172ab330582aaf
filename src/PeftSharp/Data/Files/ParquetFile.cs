using System.Text.Json;
using Parquet.Data;
using Parquet.Schema;
using PeftSharp.Data.Files.Columnar;

namespace PeftSharp.Data.Files;

/// <summary>An open parquet file: its columns, and the row groups' column chunks as the format stores them.</summary>
/// <remarks>
/// Its metadata is read and checked here; the reader behind sees one column at a time, in a file that <see cref="ColumnFile"/> made.
/// </remarks>
internal sealed class ParquetFile : IDisposable
{
    // A row group is read column by column, each of them whole.
    private const int MaxGroupRows = 1 << 24;
    private const int MagicBytes = 4, BytesOfValue = 24;
    // Below this much, no file is suspicious; beyond, its columns may be so many times its size.
    private const long Unquestioned = 256L << 20, MaxExpansion = 200;

    private readonly FileStream _stream;
    private readonly ParquetFooter _footer;
    private readonly Dictionary<string, Field> _fields;
    private readonly Dictionary<string, int> _firstLeaf = [];
    private readonly long _mostBytes;

    private ParquetFile(string path, FileStream stream)
    {
        (Path, _stream) = (path, stream);
        _footer = ParquetFooter.Read(stream);
        _mostBytes = Math.Max(Unquestioned, Math.Min(stream.Length, long.MaxValue / MaxExpansion / 2) * MaxExpansion);
        ColumnNames = [.. _footer.Schema.Children.Select(column => column.Name)];
        if (ColumnNames.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new PeftException($"{path} has two columns {BadRows.Quote(twice.Key)}; give each a name of its own.");
        var leaf = 0;
        foreach (var column in _footer.Schema.Children)
        {
            _firstLeaf[column.Name] = leaf;
            leaf += column.Leaves;
        }
        _fields = Open(ColumnFile.OfSchema(_footer.Schema), reader => reader.Schema.Fields.ToDictionary(field => field.Name));
        if (_fields.Count != ColumnNames.Count) throw new InvalidDataException("its schema is not understood");
        ColumnTypes = ColumnNames.ToDictionary(name => name, name => ParquetTypes.Name(_fields[name]));
    }

    public string Path { get; }

    public IReadOnlyList<string> ColumnNames { get; }

    /// <summary>Type of each column, as Hugging Face names it: string, int64, float32, list&lt;int32&gt;.</summary>
    public IReadOnlyDictionary<string, string> ColumnTypes { get; }

    public int Groups => _footer.Groups.Count;

    /// <summary>Letters or bytes that the texts of a column may have together in one row group.</summary>
    public long MaxTextLength => _mostBytes;

    public static ParquetFile Open(string path)
    {
        var stream = DataFile.OpenRaw(path);
        try
        {
            CheckEnds(path, stream);
            return Guard(path, () => new ParquetFile(path, stream));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Refuses columns that are out of all proportion to the file, before any is read.</summary>
    public void CheckSize(IEnumerable<string> columns)
    {
        var most = Math.Max(4 * Unquestioned, _mostBytes);
        var leaves = columns.Select(column => _firstLeaf[column]).ToList();
        var bytes = _footer.Groups.Sum(group => leaves.Sum(leaf => (double)group.Chunks[leaf].Values * BytesOfValue));
        if (bytes > most)
            throw new PeftException(
                $"{Path} says that it has {bytes / BytesOfValue:N0} values in {_stream.Length:N0} bytes, out of all proportion; write "
                + "it anew.");
    }

    /// <summary>Rows of a row group.</summary>
    public int Rows(int group)
    {
        var rows = _footer.Groups[group].Rows;
        return rows <= MaxGroupRows ? (int)rows : throw new PeftException(
            $"{Path}: row group {group + 1} says that it has {rows:N0} rows, more than the {MaxGroupRows:N0} that are read at once; write "
            + "the file with smaller row groups.");
    }

    /// <summary>A column of a row group: values without nulls, and the levels that tell where nulls and lists are.</summary>
    /// <param name="group">The row group, from 0.</param>
    /// <param name="column">Name of the column.</param>
    /// <param name="take">Makes what is wanted of it; the data is gone afterwards.</param>
    public T Read<T>(int group, string column, Func<DataField, RawColumnData, T> take) => Guard(Path, () =>
    {
        var node = _footer.Schema.Children.First(child => child.Name == column);
        if (node.Leaves != 1) throw NotRead(column);
        var (chunk, rows) = (_footer.Groups[group].Chunks[_firstLeaf[column]], _footer.Groups[group].Rows);
        if (!node.IsRepeated && chunk.Values != rows)
            throw new InvalidDataException($"the column {BadRows.Quote(column)} has {chunk.Values:N0} values in {rows:N0} rows");
        if (chunk.Values > _mostBytes / BytesOfValue)
            throw new PeftException(
                $"{Path}: the column {BadRows.Quote(column)} has {chunk.Values:N0} values in row group {group + 1}, more than are read at "
                + "once; write the file with smaller row groups.");
        using var file = ColumnFile.OfColumn(_footer.Schema, node, chunk, Pages(node, chunk), rows);
        return Open(file, reader =>
        {
            var field = Leaf(column, reader.Schema.Fields[0]);
            using var rowGroup = reader.OpenRowGroupReader(0);
            using var data = rowGroup.ReadRawColumnDataBaseAsync(field).AsTask().GetAwaiter().GetResult();
            return take(field, data);
        });
    });

    /// <summary>The classes of a column that Hugging Face's metadata names; null if it names none.</summary>
    public IReadOnlyList<string>? ClassNames(string column)
    {
        if (!_footer.Metadata.TryGetValue("huggingface", out var text)) return null;
        try
        {
            using var document = JsonDocument.Parse(text);
            var feature = document.RootElement.GetProperty("info").GetProperty("features").GetProperty(column);
            // Of a list of classes: "feature" of a Sequence or List, or a list of one.
            if (feature.ValueKind == JsonValueKind.Array && feature.GetArrayLength() == 1) feature = feature[0];
            else if (feature.TryGetProperty("feature", out var element)) feature = element;
            if (feature.GetProperty("_type").GetString() != "ClassLabel") return null;
            string[] names = [.. feature.GetProperty("names").EnumerateArray().Select(name => name.GetString()!)];
            return names.Length > 0 && names.All(name => name is not null) && names.Distinct(StringComparer.Ordinal).Count() == names.Length
                ? names
                : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // The metadata is an addition: without it, labels are the numbers that the column holds.
            return null;
        }
    }

    private ColumnPages Pages(SchemaNode column, ParquetFooter.Chunk chunk)
    {
        if (chunk.Length > Array.MaxLength)
            throw new InvalidDataException(
                $"a column of {chunk.Length:N0} bytes in one row group is too large; write the file with smaller row groups");
        var bytes = new byte[chunk.Length];
        _stream.Position = chunk.Start;
        _stream.ReadExactly(bytes);
        return ColumnPages.Of(column, chunk, bytes, _mostBytes);
    }

    private DataField Leaf(string column, Field field) => field switch
    {
        ListField { Item: DataField item } => item,
        DataField data => data,
        _ => throw NotRead(column),
    };

    private PeftException NotRead(string column) =>
        new($"{Path}: the column {BadRows.Quote(column)} holds {ColumnTypes[column]}, which is not read.");

    private static T Open<T>(ColumnFile file, Func<Parquet.ParquetReader, T> read)
    {
        var reader = Parquet.ParquetReader.CreateAsync(file, leaveStreamOpen: true).GetAwaiter().GetResult();
        try
        {
            return read(reader);
        }
        finally
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

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
        if (!tail[4..].SequenceEqual("PAR1"u8))
            throw new PeftException($"{path} is cut: a parquet file ends with PAR1, and this one does not; copy it again.");
        var footer = BitConverter.ToUInt32(tail);
        if (footer > stream.Length - 3 * MagicBytes)
            throw new PeftException(
                $"{path} is damaged: its last bytes say that {footer:N0} bytes of metadata stand before them, in a file of "
                + $"{stream.Length:N0} bytes; copy it again.");
    }

    // What is damaged is told by the checks here, and by the reader behind in as many ways as there are.
    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException e)
        {
            throw new PeftException($"{path} is damaged: {e.Message.TrimEnd('.')}; copy it again, or convert it.", e);
        }
        catch (Exception e) when (e is not PeftException)
        {
            var cause = e is System.Reflection.TargetInvocationException { InnerException: { } inner } ? inner : e;
            throw new PeftException(
                $"{path} is damaged, or written in a way that is not read here ({cause.GetType().Name}: "
                + $"{cause.Message.Split('\n')[0].Trim().TrimEnd('.')}); copy it again, or convert it.",
                e);
        }
    }

    public void Dispose() => _stream.Dispose();
}
