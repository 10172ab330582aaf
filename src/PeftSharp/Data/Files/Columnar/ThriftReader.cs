using System.Buffers.Binary;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>
/// Reads Thrift's compact protocol within bounds: nothing is read past the end, a length is held against the bytes that are left,
/// and structs and lists do not lie in one another without end.
/// </summary>
internal ref struct ThriftReader(ReadOnlySpan<byte> bytes, int maxValues)
{
    private const int MaxDepth = 32;
    private const byte True = 1, False = 2, Byte = 3, Double = 7, Binary = 8, List = 9, Set = 10, Map = 11, Nested = 12;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _valuesLeft = maxValues;

    /// <summary>Bytes that were read.</summary>
    public int Position { get; private set; }

    /// <summary>Reads a struct.</summary>
    /// <exception cref="InvalidDataException">The bytes are no such struct.</exception>
    public ThriftValue.Struct ReadStruct(int depth = 0)
    {
        if (depth > MaxDepth) throw new InvalidDataException($"its metadata lies more than {MaxDepth} structures deep");
        var fields = new SortedDictionary<short, ThriftValue>();
        var last = 0;
        while (true)
        {
            var header = Next();
            if (header == 0) return new ThriftValue.Struct(fields);
            var id = header >> 4 == 0 ? (int)ZigZag(VarInt()) : last + (header >> 4);
            if (id is < short.MinValue or > short.MaxValue) throw new InvalidDataException($"its metadata has a field number {id}");
            last = id;
            var kind = (byte)(header & 15);
            if (!fields.TryAdd((short)id, kind is True or False ? ThriftValue.Flag(kind == True) : ReadValue(kind, depth + 1)))
                throw new InvalidDataException($"its metadata has the field {id} twice in one structure");
        }
    }

    private ThriftValue ReadValue(byte kind, int depth)
    {
        if (--_valuesLeft < 0) throw new InvalidDataException("its metadata has too many values");
        switch (kind)
        {
            case True or False: return ThriftValue.Flag(Next() == True); // an element of a list
            case Byte: return new ThriftValue.Number(Byte, (sbyte)Next());
            case 4 or 5 or 6: return new ThriftValue.Number(kind, ZigZag(VarInt()));
            case Double: return new ThriftValue.Real(BinaryPrimitives.ReadInt64LittleEndian(Take(8)));
            case Binary: return new ThriftValue.Bytes(Take(Length()).ToArray());
            case List or Set: return ReadList(depth);
            case Nested: return ReadStruct(depth);
            case Map: throw new InvalidDataException("its metadata holds a map, which no parquet file has");
            default: throw new InvalidDataException($"its metadata holds a value of the unknown type {kind}");
        }
    }

    private ThriftValue.Sequence ReadList(int depth)
    {
        if (depth > MaxDepth) throw new InvalidDataException($"its metadata lies more than {MaxDepth} lists deep");
        var header = Next();
        var kind = (byte)(header & 15);
        var count = header >> 4 == 15 ? Length() : header >> 4;
        // Every element takes a byte at least.
        if (count > _bytes.Length - Position)
            throw new InvalidDataException($"its metadata has a list of {count:N0} elements in {_bytes.Length - Position:N0} bytes");
        var items = new List<ThriftValue>(Math.Min(count, 1 << 12));
        for (var i = 0; i < count; i++) items.Add(ReadValue(kind, depth + 1));
        return new ThriftValue.Sequence(kind, items);
    }

    private byte Next() =>
        Position < _bytes.Length ? _bytes[Position++] : throw new InvalidDataException("its metadata ends in the middle of a value");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - Position) throw new InvalidDataException("its metadata ends in the middle of a value");
        Position += count;
        return _bytes.Slice(Position - count, count);
    }

    private int Length()
    {
        var length = VarInt();
        return length <= (ulong)(_bytes.Length - Position) ? (int)length
            : throw new InvalidDataException(
                $"its metadata has a length of {length:N0} where {_bytes.Length - Position:N0} bytes are left");
    }

    private ulong VarInt()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var part = Next();
            value |= (ulong)(part & 127) << shift;
            if (part < 128) return value;
        }
        throw new InvalidDataException("its metadata has a number of more than 64 bits");
    }

    private static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
