namespace PeftSharp.Data.Files.Columnar;

/// <summary>
/// A parquet file of one column in memory, of which everything but the content of its pages was written here: the reader behind goes by
/// metadata alone and would follow a hostile one into endless loops.
/// </summary>
internal sealed class ColumnFile : MemoryStream
{
    private readonly long _pagesEnd;
    private readonly bool _isWhole;

    private ColumnFile(SchemaNode? column, SchemaNode root, ParquetFooter.Chunk? chunk, ColumnPages? pages, long rows)
    {
        Write("PAR1"u8);
        if (pages is not null) pages.Bytes.WriteTo(this);
        _pagesEnd = Position;
        IReadOnlyList<SchemaNode> columns = column is null ? root.Children : [column];
        var footer = Footer(columns, column, chunk, pages, rows);
        ThriftWriter.Write(this, footer);
        Write(BitConverter.GetBytes((int)(Position - _pagesEnd)));
        Write("PAR1"u8);
        Position = 0;
        _isWhole = true;
    }

    /// <summary>A file with the columns of a schema and without rows.</summary>
    public static ColumnFile OfSchema(SchemaNode root) => new(null, root, null, null, 0);

    /// <summary>A file with one column of one row group.</summary>
    public static ColumnFile OfColumn(SchemaNode root, SchemaNode column, ParquetFooter.Chunk chunk, ColumnPages pages, long rows) =>
        new(column, root, chunk, pages, rows);

    /// <summary>
    /// A byte of a page's header: there is none behind the pages, where the reader would look for more of them without end.
    /// </summary>
    public override int ReadByte() =>
        !_isWhole || Position < _pagesEnd ? base.ReadByte() : throw new InvalidDataException("a column's pages end before its values do");

    private static ThriftValue.Struct Footer(
        IReadOnlyList<SchemaNode> columns, SchemaNode? column, ParquetFooter.Chunk? chunk, ColumnPages? pages, long rows)
    {
        var root = ThriftValue.Struct.Of((4, new ThriftValue.Bytes([.. "schema"u8])), (5, ThriftValue.Int(columns.Count)));
        var groups = column is null ? [] : new ThriftValue[] { Group(column, chunk!, pages!, rows) };
        return ThriftValue.Struct.Of(
            (1, ThriftValue.Int(1)),
            (2, new ThriftValue.Sequence(12, [root, .. columns.SelectMany(c => c.Elements())])),
            (3, ThriftValue.Wide(rows)),
            (4, new ThriftValue.Sequence(12, groups)));
    }

    private static ThriftValue.Struct Group(SchemaNode column, ParquetFooter.Chunk chunk, ColumnPages pages, long rows)
    {
        var path =
            column.Paths().Single().Path.Select(name => (ThriftValue)new ThriftValue.Bytes(System.Text.Encoding.UTF8.GetBytes(name)));
        var data = ThriftValue.Struct.Of(
            (1, ThriftValue.Int(chunk.Type)),
            (2, new ThriftValue.Sequence(5, [.. pages.Encodings.Select(encoding => (ThriftValue)ThriftValue.Int(encoding))])),
            (3, new ThriftValue.Sequence(8, [.. path])),
            (4, ThriftValue.Int(chunk.Codec)),
            (5, ThriftValue.Wide(chunk.Values)),
            (6, ThriftValue.Wide(pages.Unpacked)),
            (7, ThriftValue.Wide(pages.Bytes.Length)),
            (9, ThriftValue.Wide(4 + pages.DictionaryBytes)),
            (11, pages.DictionaryBytes > 0 ? ThriftValue.Wide(4) : null));
        var chunks = new ThriftValue.Sequence(12, [ThriftValue.Struct.Of((2, ThriftValue.Wide(4)), (3, data))]);
        return ThriftValue.Struct.Of((1, chunks), (2, ThriftValue.Wide(pages.Unpacked)), (3, ThriftValue.Wide(rows)));
    }
}
