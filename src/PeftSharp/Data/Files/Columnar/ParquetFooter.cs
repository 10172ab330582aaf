using System.Text;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>The metadata of a parquet file, checked against the file before anything is made of it.</summary>
/// <param name="Schema">The root of the schema.</param>
/// <param name="Groups">The row groups.</param>
/// <param name="Metadata">Texts by their keys; the first of a key that is there twice.</param>
internal sealed record ParquetFooter(
    SchemaNode Schema, IReadOnlyList<ParquetFooter.Group> Groups, IReadOnlyDictionary<string, string> Metadata)
{
    private const int MaxFooterBytes = 128 << 20, MaxValues = 8_000_000;

    /// <summary>A row group: its rows, and the chunk of each column of values, in the order of the schema.</summary>
    public sealed record Group(long Rows, IReadOnlyList<Chunk> Chunks);

    /// <summary>The values of a column in a row group.</summary>
    /// <param name="Type">Type of the values, as the format numbers it.</param>
    /// <param name="Codec">How its pages are packed.</param>
    /// <param name="Values">Values, with those that are null.</param>
    /// <param name="Start">Where its pages start in the file.</param>
    /// <param name="Length">Bytes of its pages.</param>
    public sealed record Chunk(int Type, int Codec, long Values, long Start, long Length);

    /// <summary>Reads the metadata of a file whose ends are those of a parquet file.</summary>
    /// <exception cref="InvalidDataException">It contradicts itself or the file.</exception>
    public static ParquetFooter Read(Stream file)
    {
        var tail = new byte[8];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        var length = BitConverter.ToUInt32(tail);
        if (length is 0 or > MaxFooterBytes || length > file.Length - 12)
            throw new InvalidDataException($"its metadata has {length:N0} bytes");
        var bytes = new byte[length];
        var end = file.Length - tail.Length - length;
        file.Position = end;
        file.ReadExactly(bytes);
        var root = new ThriftReader(bytes, MaxValues).ReadStruct();
        var schema = SchemaNode.Of(root.List(2));
        var leaves = schema.Children.SelectMany(child => child.Paths()).Select(path => path.Leaf).ToList();
        var groups = root.List(4).Select(group => GroupOf(group, leaves, end)).ToList();
        var rows = groups.Sum(group => group.Rows);
        if (root.Long(3) is { } all && all != rows)
            throw new InvalidDataException($"it says that it has {all:N0} rows, and its row groups have {rows:N0}");
        return new ParquetFooter(schema, groups, Texts(root.List(5)));
    }

    private static Group GroupOf(ThriftValue value, List<SchemaNode> leaves, long end)
    {
        if (value is not ThriftValue.Struct group || group.Long(3) is not (>= 0 and <= int.MaxValue and var rows))
            throw new InvalidDataException("a row group does not say how many rows it has");
        var columns = group.List(1);
        if (columns.Count != leaves.Count)
            throw new InvalidDataException($"a row group has {columns.Count:N0} columns, and the schema {leaves.Count:N0}");
        return new Group(rows, [.. columns.Select((column, i) => ChunkOf(column, leaves[i], rows, end))]);
    }

    private static Chunk ChunkOf(ThriftValue value, SchemaNode leaf, long rows, long end)
    {
        var column = value as ThriftValue.Struct
            ?? throw new InvalidDataException($"the column {BadRows.Quote(leaf.Name)} is not described");
        if (column[1] is ThriftValue.Bytes { Value.Length: > 0 })
            throw new InvalidDataException($"the column {BadRows.Quote(leaf.Name)} lies in another file");
        var data = column.Inner(3)
            ?? throw new InvalidDataException($"the column {BadRows.Quote(leaf.Name)} is encrypted or not described");
        if (data.Long(1) != leaf.Type)
            throw new InvalidDataException(
                $"the column {BadRows.Quote(leaf.Name)} is of one type in the schema and of another in a row group");
        var values = data.Long(5) ?? -1;
        if (values < rows && rows > 0 && values != 0 || values < 0)
            throw new InvalidDataException($"the column {BadRows.Quote(leaf.Name)} has {values:N0} values in {rows:N0} rows");
        var (pages, dictionary, length) = (data.Long(9) ?? -1, data.Long(11) ?? 0, data.Long(7) ?? -1);
        var start = dictionary > 0 && dictionary < pages ? dictionary : pages;
        if (start < 4 || length < 0 || length > end - start)
            throw new InvalidDataException(
                $"the column {BadRows.Quote(leaf.Name)} lies in the bytes {start:N0} to {start + length:N0} of a file that has {end:N0} "
                + "of values");
        return new Chunk(leaf.Type, (int)(data.Long(4) ?? -1), values, start, length);
    }

    private static Dictionary<string, string> Texts(IReadOnlyList<ThriftValue> pairs)
    {
        var texts = new Dictionary<string, string>();
        foreach (var pair in pairs.OfType<ThriftValue.Struct>())
        {
            // A value may be missing.
            if (pair[1] is ThriftValue.Bytes key && pair[2] is ThriftValue.Bytes value)
                texts.TryAdd(Encoding.UTF8.GetString(key.Value), Encoding.UTF8.GetString(value.Value));
        }
        return texts;
    }
}
