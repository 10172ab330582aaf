using System.Buffers.Binary;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>The pages of a column chunk, each header read within bounds and written anew.</summary>
internal sealed class ColumnPages
{
    private const int DataPage = 0, IndexPage = 1, DictionaryPage = 2, DataPageV2 = 3;
    private const int Plain = 0, RunLength = 3, DeltaStrings = 7;
    private const int None = 0, Snappy = 1, Zstd = 6;
    private const int MaxHeaderValues = 10_000;

    private readonly MemoryStream _pages = new();
    private readonly SchemaNode _column;
    private readonly ParquetFooter.Chunk _chunk;
    private readonly long _maxBytes;
    private long _unpacked, _values, _dictionaryBytes;
    private int _count;

    private ColumnPages(SchemaNode column, ParquetFooter.Chunk chunk, long maxBytes) =>
        (_column, _chunk, _maxBytes) = (column, chunk, maxBytes);

    /// <summary>The pages, one after another.</summary>
    public MemoryStream Bytes => _pages;

    /// <summary>Bytes of the dictionary's page, which comes first; 0 where there is none.</summary>
    public long DictionaryBytes => _dictionaryBytes;

    /// <summary>Bytes of all pages unpacked.</summary>
    public long Unpacked => _unpacked;

    /// <summary>Encodings that occur.</summary>
    public SortedSet<int> Encodings { get; } = [];

    /// <summary>Reads and checks the pages of a chunk.</summary>
    /// <param name="column">The column in the schema.</param>
    /// <param name="chunk">The chunk.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="maxBytes">Bytes that the pages may unpack to.</param>
    /// <exception cref="InvalidDataException">A page contradicts itself, its chunk or the bound.</exception>
    public static ColumnPages Of(SchemaNode column, ParquetFooter.Chunk chunk, ReadOnlySpan<byte> bytes, long maxBytes)
    {
        var pages = new ColumnPages(column, chunk, maxBytes);
        while (pages._values < chunk.Values)
        {
            var reader = new ThriftReader(bytes, MaxHeaderValues);
            var header = reader.ReadStruct();
            bytes = bytes[reader.Position..];
            var packed = header.Long(3) ?? -1;
            if (packed < 0 || packed > bytes.Length)
                throw new InvalidDataException($"a page of {packed:N0} bytes stands where {bytes.Length:N0} are left");
            pages.Add(header, bytes[..(int)packed]);
            bytes = bytes[(int)packed..];
        }
        return pages;
    }

    private void Add(ThriftValue.Struct header, ReadOnlySpan<byte> body)
    {
        var type = header.Long(1);
        if (type == IndexPage) return;
        var unpacked = header.Long(2) ?? -1;
        _unpacked += unpacked;
        if (unpacked < 0 || _unpacked > _maxBytes) throw TooMuch();
        var (field, details, levels) = type switch
        {
            DataPage => ((short)5, Data(header.Inner(5)), 0),
            DictionaryPage => ((short)7, Dictionary(header.Inner(7), unpacked), 0),
            DataPageV2 => ((short)8, DataV2(header.Inner(8), unpacked, body.Length, out var before), before),
            _ => throw new InvalidDataException($"a page has the unknown type {type}"),
        };
        var packed = _chunk.Codec != None && (type != DataPageV2 || details[7] is not ThriftValue.Number { Value: 0 });
        CheckPacked(body[levels..], unpacked - levels, packed);
        var encoding = type == DataPage ? details.Long(2) : type == DataPageV2 ? details.Long(4) : null;
        if (encoding == DeltaStrings)
            CheckStrings(
                body[levels..], (int)(unpacked - levels), packed ? _chunk.Codec : None, hasLevels: type == DataPage, details.Long(1) ?? 0);
        if (type == DictionaryPage && _pages.Length > 0) throw new InvalidDataException("a dictionary comes after values");
        ThriftWriter.Write(
            _pages,
            ThriftValue.Struct.Of(
                (1, ThriftValue.Int(type.Value)), (2, ThriftValue.Int(unpacked)), (3, ThriftValue.Int(body.Length)), (field, details)));
        _pages.Write(body);
        _count++;
        if (type == DictionaryPage) _dictionaryBytes = _pages.Length;
    }

    private ThriftValue.Struct Data(ThriftValue.Struct? details)
    {
        var (values, encoding) = (Count(details?.Long(1)), Encoding(details?.Long(2)));
        _values += values;
        CheckExpansion(encoding);
        return ThriftValue.Struct.Of(
            (1, ThriftValue.Int(values)), (2, ThriftValue.Int(encoding)), (3, ThriftValue.Int(details!.Long(3) ?? RunLength)),
            (4, ThriftValue.Int(details.Long(4) ?? RunLength)));
    }

    private ThriftValue.Struct DataV2(ThriftValue.Struct? details, long unpacked, int packed, out int before)
    {
        var (values, encoding) = (Count(details?.Long(1)), Encoding(details?.Long(4)));
        var (nulls, rows) = (details!.Long(2) ?? 0, details.Long(3) ?? 0);
        var (definitions, repetitions) = (details.Long(5) ?? 0, details.Long(6) ?? 0);
        if (
            nulls < 0 || nulls > values || definitions < 0 || repetitions < 0 || definitions > packed || repetitions > packed - definitions
                || definitions + repetitions > unpacked)
            throw new InvalidDataException("a page's levels are longer than the page");
        _values += values;
        before = (int)(definitions + repetitions);
        CheckExpansion(encoding);
        return ThriftValue.Struct.Of(
            (1, ThriftValue.Int(values)), (2, ThriftValue.Int(nulls)), (3, ThriftValue.Int(rows)), (4, ThriftValue.Int(encoding)),
            (5, ThriftValue.Int(definitions)), (6, ThriftValue.Int(repetitions)), (7, ThriftValue.Flag(details.Long(7) != 0)));
    }

    private ThriftValue.Struct Dictionary(ThriftValue.Struct? details, long unpacked)
    {
        var values = details?.Long(1) ?? -1;
        // Every value takes a byte at least.
        if (values < 0 || values > unpacked)
            throw new InvalidDataException($"a dictionary of {unpacked:N0} bytes says that it has {values:N0} values");
        return ThriftValue.Struct.Of((1, ThriftValue.Int(values)), (2, ThriftValue.Int(details!.Long(2) ?? Plain)));
    }

    private long Count(long? values) => values is >= 0 and var count && count <= _chunk.Values - _values
        ? count
        : throw new InvalidDataException(
            $"a page says that it has {values:N0} values, and {_chunk.Values - _values:N0} are left of its column's");

    private int Encoding(long? encoding)
    {
        if (encoding is not (>= 0 and <= 9)) throw new InvalidDataException($"a page has the unknown encoding {encoding}");
        Encodings.Add((int)encoding);
        return (int)encoding;
    }

    // Every string may take over a long one before it.
    private void CheckStrings(ReadOnlySpan<byte> body, int unpacked, int codec, bool hasLevels, long values)
    {
        if (values == 0 || unpacked <= _maxBytes / values) return;
        ReadOnlySpan<byte> content = PageContent.Unpack(codec, body, unpacked) ?? throw new InvalidDataException(
            $"a page holds {values:N0} delta-coded strings packed by the codec {codec}, of which nobody knows what they unpack to; write "
            + "it with another encoding");
        // The levels of a page of the first version stand before its values: repetitions, then definitions.
        if (hasLevels && _column.IsRepeated) content = WithoutLevels(content);
        if (hasLevels && _column.HasLevels) content = WithoutLevels(content);
        _unpacked += DeltaPrefixes.Total(content);
        if (_unpacked > _maxBytes) throw TooMuch();
    }

    private static ReadOnlySpan<byte> WithoutLevels(ReadOnlySpan<byte> content)
    {
        if (content.Length < 4) throw new InvalidDataException("a page ends in its levels");
        var length = BinaryPrimitives.ReadInt32LittleEndian(content);
        return length >= 0 && length <= content.Length - 4
            ? content[(4 + length)..]
            : throw new InvalidDataException("a page's levels are longer than the page");
    }

    // Runs of bits, of which all values are looked at for every page.
    private void CheckExpansion(int encoding)
    {
        if (encoding == RunLength && (_count + 1) * _chunk.Values > _maxBytes) throw TooMuch();
    }

    // What a page unpacks to is said twice: by the page, and by some codecs, which would take their own word for it.
    private void CheckPacked(ReadOnlySpan<byte> body, long unpacked, bool packed)
    {
        if (!packed)
        {
            if (body.Length != unpacked)
                throw new InvalidDataException($"a page of {body.Length:N0} bytes says that it unpacks to {unpacked:N0} without a codec");
            return;
        }
        long? said = _chunk.Codec switch
        {
            Snappy => SnappyLength(body),
            Zstd => ZstdFrame.Length(body),
            _ => null,
        };
        if (said > unpacked && said > 0)
            throw new InvalidDataException($"a page says that it unpacks to {unpacked:N0} bytes, and its content says {said:N0}");
    }

    private static long SnappyLength(ReadOnlySpan<byte> body)
    {
        var length = 0L;
        for (var i = 0; i < 5 && i < body.Length; i++)
        {
            length |= (long)(body[i] & 127) << 7 * i;
            if (body[i] < 128) return length;
        }
        throw new InvalidDataException("a page packed with snappy does not say its length");
    }

    private InvalidDataException TooMuch() =>
        new($"a column unpacks to more than the {_maxBytes >> 20:N0} MB that are read at once; write the file with smaller row groups");
}
