namespace PeftSharp.Data.Files.Columnar;

/// <summary>A value of Thrift's compact protocol, as it was read or is to be written.</summary>
internal abstract record ThriftValue
{
    /// <summary>An integer or a boolean.</summary>
    /// <param name="Kind">Its type on the wire: 1 (true), 2 (false), 3 (byte), 4, 5 or 6 (16, 32 or 64 bits).</param>
    /// <param name="Value">The number; 1 or 0 for a boolean.</param>
    public sealed record Number(byte Kind, long Value) : ThriftValue;

    public sealed record Real(long Bits) : ThriftValue;

    public sealed record Bytes(byte[] Value) : ThriftValue;

    /// <param name="Kind">Type of the elements on the wire.</param>
    /// <param name="Items">The elements.</param>
    public sealed record Sequence(byte Kind, IReadOnlyList<ThriftValue> Items) : ThriftValue;

    /// <summary>Fields by their numbers.</summary>
    public sealed record Struct(SortedDictionary<short, ThriftValue> Fields) : ThriftValue
    {
        public static Struct Of(params (short Field, ThriftValue? Value)[] fields)
        {
            var kept = new SortedDictionary<short, ThriftValue>();
            foreach (var (field, value) in fields)
            {
                if (value is not null) kept[field] = value;
            }
            return new Struct(kept);
        }

        public ThriftValue? this[short field] => Fields.GetValueOrDefault(field);

        /// <summary>An integer field; null where it is missing or of another type.</summary>
        public long? Long(short field) => (this[field] as Number)?.Value;

        public Struct? Inner(short field) => this[field] as Struct;

        public IReadOnlyList<ThriftValue> List(short field) => (this[field] as Sequence)?.Items ?? [];
    }

    public static Number Int(long value) => new(5, value);

    public static Number Wide(long value) => new(6, value);

    public static Number Flag(bool value) => new((byte)(value ? 1 : 2), value ? 1 : 0);
}
