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
        Text(to, row.Label);
        Text(to, row.Text);
        Text(to, row.Pair);
        Numbers(to, row.InputIds);
        Numbers(to, row.TypeIds);
    }

    public static RawExample Read(ReadOnlySpan<byte> from, IReadOnlyList<string> files)
    {
        var (file, line) = (files[TakeInt(ref from)], TakeInt(ref from));
        var label = TakeText(ref from);
        return new RawExample(file, line, TakeText(ref from)!, TakeText(ref from), label, TakeNumbers(ref from), TakeNumbers(ref from));
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
