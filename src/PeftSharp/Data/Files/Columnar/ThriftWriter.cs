using System.Buffers.Binary;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>Writes Thrift's compact protocol.</summary>
internal static class ThriftWriter
{
    private const byte Byte = 3, Double = 7, Binary = 8, List = 9, Nested = 12;

    public static void Write(Stream to, ThriftValue.Struct value)
    {
        var last = 0;
        foreach (var (id, field) in value.Fields)
        {
            var kind = KindOf(field);
            if (id - last is > 0 and <= 15) to.WriteByte((byte)(id - last << 4 | kind));
            else
            {
                to.WriteByte(kind);
                VarInt(to, ZigZag(id));
            }
            last = id;
            if (field is not ThriftValue.Number { Kind: 1 or 2 }) Value(to, field);
        }
        to.WriteByte(0);
    }

    private static void Value(Stream to, ThriftValue value)
    {
        switch (value)
        {
            case ThriftValue.Number { Kind: 1 or 2 or Byte } small:
                to.WriteByte((byte)(small.Kind == Byte ? small.Value : small.Kind));
                break;
            case ThriftValue.Number number:
                VarInt(to, ZigZag(number.Value));
                break;
            case ThriftValue.Real real:
                Span<byte> bits = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(bits, real.Bits);
                to.Write(bits);
                break;
            case ThriftValue.Bytes bytes:
                VarInt(to, (ulong)bytes.Value.Length);
                to.Write(bytes.Value);
                break;
            case ThriftValue.Sequence list:
                to.WriteByte((byte)(Math.Min(list.Items.Count, 15) << 4 | list.Kind));
                if (list.Items.Count >= 15) VarInt(to, (ulong)list.Items.Count);
                foreach (var item in list.Items) Value(to, item);
                break;
            case ThriftValue.Struct inner:
                Write(to, inner);
                break;
        }
    }

    private static byte KindOf(ThriftValue value) => value switch
    {
        ThriftValue.Number number => number.Kind,
        ThriftValue.Real => Double,
        ThriftValue.Bytes => Binary,
        ThriftValue.Sequence => List,
        _ => Nested,
    };

    private static void VarInt(Stream to, ulong value)
    {
        for (; value >= 128; value >>= 7) to.WriteByte((byte)(value | 128));
        to.WriteByte((byte)value);
    }

    private static ulong ZigZag(long value) => (ulong)(value << 1 ^ value >> 63);
}
