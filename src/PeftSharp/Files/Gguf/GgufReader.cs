using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace PeftSharp.Files.Gguf;

/// <summary>Reads the header of a GGUF file; no count is believed that the rest of the file could not hold.</summary>
/// <param name="file">The file, at its start.</param>
/// <param name="path">What it is called in errors.</param>
internal sealed class GgufReader(Stream file, string path)
{
    private const string Advice = "download or convert the file again";

    private const int LongestText = 16 << 20, MostBytes = 1 << 30;

    private readonly byte[] _eight = new byte[8];

    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; } = file.Length;

    /// <summary>A 32-bit number.</summary>
    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    /// <summary>A 64-bit number.</summary>
    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A count of things that take at least so many bytes each.</summary>
    public int Count(string what, int leastBytes, int most)
    {
        var count = UInt64(what);
        if (count > (ulong)most) throw Bad($"announces {count:N0} {what}, above the limit of {most:N0}");
        if (count * (ulong)leastBytes > (ulong)(Length - Position))
            throw Bad($"announces {count:N0} {what} at byte {Position}, for which the {Length - Position:N0} bytes after it have no room");
        return (int)count;
    }

    /// <summary>A text.</summary>
    public string Text(string what)
    {
        var length = Count($"bytes of {what}", 1, LongestText);
        if (length == 0) return "";
        var bytes = new byte[length];
        Fill(bytes, what);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Bad($"has {what} that is not UTF-8, before byte {Position}");
    }

    /// <summary>A value of metadata: a whole number (long; ulong where it is larger), a number (double), a truth value, a text, or an array
    /// of one of these.</summary>
    public object Value(string key)
    {
        var type = UInt32($"the type of {key}");
        return type == 9 ? Array(key) : Scalar(type, key);
    }

    /// <summary>What to throw for the file.</summary>
    public PeftException Bad(string problem) => new($"{path} {problem}; {Advice}.");

    private object Array(string key)
    {
        var type = UInt32($"the type of {key}");
        if (type == 9) throw Bad($"has the metadata {key} with arrays inside an array, which no model needs");
        var least = type switch
        {
            0 or 1 or 7 => 1,
            2 or 3 => 2,
            4 or 5 or 6 => 4,
            8 or 10 or 11 or 12 => 8,
            _ =>
            throw Unknown(type, key)
        };
        var count = Count($"items of {key}", least, 1 << 26);
        switch (type)
        {
            case 8:
                var texts = new string[count];
                for (var i = 0; i < count; i++) texts[i] = Text(key);
                return texts;
            case 6 or 12:
                var numbers = new double[count];
                for (var i = 0; i < count; i++) numbers[i] = (double)Scalar(type, key);
                return numbers;
            case 7:
                var flags = new bool[count];
                for (var i = 0; i < count; i++) flags[i] = (bool)Scalar(type, key);
                return flags;
            default:
                var whole = new long[count];
                for (var i = 0; i < count; i++) whole[i] = Scalar(type, key) as long?
                    ?? throw Bad($"has a number above 2^63 in the metadata {key}");
                return whole;
        }
    }

    private object Scalar(uint type, string key) => type switch
    {
        0 => (long)Take(1, key)[0],
        1 => (long)(sbyte)Take(1, key)[0],
        2 => (long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2, key)),
        3 => (long)BinaryPrimitives.ReadInt16LittleEndian(Take(2, key)),
        4 => (long)UInt32(key),
        5 => (long)(int)UInt32(key),
        6 => (double)BitConverter.UInt32BitsToSingle(UInt32(key)),
        7 => Take(1, key)[0] is var flag && flag <= 1 ? flag == 1 : throw Bad($"has the truth value {flag} in the metadata {key}; "
            + "expected 0 or 1"),
        8 => Text(key),
        10 => UInt64(key) is var number && number <= long.MaxValue ? (long)number : number,
        11 => (long)UInt64(key),
        12 => BitConverter.UInt64BitsToDouble(UInt64(key)),
        _ => throw Unknown(type, key),
    };

    private PeftException Unknown(uint type, string key) => Bad($"has the metadata {key} of the type {type}; expected 0 to 12");

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        var taken = _eight.AsSpan(0, count);
        Fill(taken, what);
        return taken;
    }

    private void Fill(Span<byte> bytes, string what)
    {
        if (bytes.Length > Length - Position) throw Bad($"ends in {what}, at byte {Length}");
        if (Position + bytes.Length > MostBytes) throw Bad($"has a header of more than {MostBytes >> 20} MB");
        file.ReadExactly(bytes);
        Position += bytes.Length;
    }
}
