using System.Buffers.Binary;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>Fields of a protobuf message, one after another; nothing is read beyond its end.</summary>
/// <param name="file">What the file is called in errors.</param>
/// <param name="bytes">The message.</param>
internal ref struct ProtoReader(string file, ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> rest = bytes;

    /// <summary>The number of the present field.</summary>
    public int Field { get; private set; }

    /// <summary>A whole number or the bits of a float, where the field is one.</summary>
    public ulong Number { get; private set; }

    /// <summary>The bytes of a text or a message inside, where the field is one.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>The number as a single float.</summary>
    public readonly float Single => BitConverter.UInt32BitsToSingle((uint)Number);

    /// <summary>Goes to the next field; false at the end.</summary>
    public bool Next()
    {
        if (rest.IsEmpty)
        {
            return false;
        }
        var tag = Varint();
        (Field, Number) = ((int)Math.Min(tag >> 3, int.MaxValue), 0);
        Bytes = default;
        switch (tag & 7)
        {
            case 0:
                Number = Varint();
                break;
            case 1:
                Number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                break;
            case 2:
                Bytes = Take(Varint());
                break;
            case 5:
                Number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            default:
                throw Bad($"has a field of the kind {tag & 7}, which no SentencePiece model has");
        }
        return true;
    }

    /// <summary>What to throw for the file.</summary>
    public readonly PeftException Bad(string problem) => new($"{file} {problem}; expected a SentencePiece model: download the file again.");

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(1)[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
        throw Bad("holds a number of more than 64 bits");
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)rest.Length)
        {
            throw Bad("ends in the middle of a field");
        }
        var taken = rest[..(int)count];
        rest = rest[(int)count..];
        return taken;
    }
}
