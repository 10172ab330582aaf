using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace PeftSharp.Data.Storage;

/// <summary>A row as bytes: its label first, so that labels can be read without the rest.</summary>
internal static class RowCodec
{
    public static void Write(ArrayBufferWriter<byte> to, RawExample row, int file)
    {
        Int(to, file);
        Int(to, row.Line);
        Int(to, row.Row);
        Text(to, row.Label);
        Text(to, row.Text);
        Text(to, row.Pair);
        Numbers(to, row.InputIds);
        Numbers(to, row.TypeIds);
        Kept(to, row.Kept);
    }

    public static RawExample Read(ReadOnlySpan<byte> from, IReadOnlyList<string> files)
    {
        var (file, line, row) = (files[TakeInt(ref from)], TakeInt(ref from), TakeInt(ref from));
        var label = TakeText(ref from);
        return new RawExample(file, line, TakeText(ref from)!, TakeText(ref from), label, TakeNumbers(ref from), TakeNumbers(ref from))
        {
            Row = row,
            Kept = TakeKept(ref from),
        };
    }

    private static void Kept(ArrayBufferWriter<byte> to, KeptValue[]? values)
    {
        Int(to, values?.Length ?? -1);
        foreach (var value in values ?? [])
        {
            Int(to, value.IsJson ? 1 : 0);
            Text(to, value.Text);
        }
    }

    private static KeptValue[]? TakeKept(ref ReadOnlySpan<byte> from)
    {
        var count = TakeInt(ref from);
        if (count < 0) return null;
        var values = new KeptValue[count];
        for (var i = 0; i < count; i++)
        {
            var isJson = TakeInt(ref from) == 1;
            values[i] = new KeptValue(TakeText(ref from), isJson);
        }
        return values;
    }

    private static void Int(ArrayBufferWriter<byte> to, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(to.GetSpan(4), value);
        to.Advance(4);
    }

    // Null is told from the empty text by its length, -1.
    private static void Text(ArrayBufferWriter<byte> to, string? text)
    {
        Int(to, text is null ? -1 : Encoding.UTF8.GetByteCount(text));
        if (text is not null) Encoding.UTF8.GetBytes(text, to);
    }

    private static void Numbers(ArrayBufferWriter<byte> to, int[]? numbers)
    {
        Int(to, numbers is null ? -1 : numbers.Length);
        if (numbers is not null) to.Write(MemoryMarshal.AsBytes<int>(numbers));
    }

    private static int TakeInt(ref ReadOnlySpan<byte> from)
    {
        var value = BinaryPrimitives.ReadInt32LittleEndian(from);
        from = from[4..];
        return value;
    }

    private static string? TakeText(ref ReadOnlySpan<byte> from)
    {
        var length = TakeInt(ref from);
        if (length < 0) return null;
        var text = Encoding.UTF8.GetString(from[..length]);
        from = from[length..];
        return text;
    }

    private static int[]? TakeNumbers(ref ReadOnlySpan<byte> from)
    {
        var length = TakeInt(ref from);
        if (length < 0) return null;
        var bytes = from[..(length * sizeof(int))];
        from = from[bytes.Length..];
        return MemoryMarshal.Cast<byte, int>(bytes).ToArray();
    }
}
