using System.Text;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>Writes the protobuf of a SentencePiece model.</summary>
internal static class ProtoWriter
{
    /// <summary>A model.</summary>
    /// <param name="pieces">Its pieces in the order of their ids.</param>
    /// <param name="isBpe">True of BPE, false of Unigram.</param>
    /// <param name="byteFallback">Whether missing characters become bytes.</param>
    /// <param name="replacements">The table of replaced characters; empty for none.</param>
    /// <param name="addsSpace">Whether a space is put before a text.</param>
    /// <param name="removesSpaces">Whether superfluous spaces go.</param>
    public static byte[] Model(IReadOnlyList<ScoredPiece> pieces, bool isBpe, bool byteFallback, byte[] replacements, bool addsSpace,
        bool removesSpaces)
    {
        using var file = new MemoryStream();
        foreach (var piece in pieces)
        {
            Bytes(file, 1, Message(inner =>
            {
                Bytes(inner, 1, Encoding.UTF8.GetBytes(piece.Text));
                Varint(inner, 2 << 3 | 5);
                inner.Write(BitConverter.GetBytes(piece.Score));
                Number(inner, 3, (ulong)piece.Kind);
            }));
        }
        Bytes(file, 2, Message(inner =>
        {
            Number(inner, 3, isBpe ? 2u : 1u);
            Number(inner, 4, (ulong)pieces.Count);
            Number(inner, 35, byteFallback ? 1u : 0u);
        }));
        Bytes(file, 3, Message(inner =>
        {
            if (replacements.Length > 0)
            {
                Bytes(inner, 2, replacements);
            }
            Number(inner, 3, addsSpace ? 1u : 0u);
            Number(inner, 4, removesSpaces ? 1u : 0u);
            Number(inner, 5, 1);
        }));
        return file.ToArray();
    }

    private static byte[] Message(Action<Stream> write)
    {
        using var inner = new MemoryStream();
        write(inner);
        return inner.ToArray();
    }

    private static void Bytes(Stream file, int field, byte[] value)
    {
        Varint(file, (ulong)field << 3 | 2);
        Varint(file, (ulong)value.Length);
        file.Write(value);
    }

    private static void Number(Stream file, int field, ulong value)
    {
        Varint(file, (ulong)field << 3);
        Varint(file, value);
    }

    private static void Varint(Stream file, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            file.WriteByte((byte)(value | 0x80));
        }
        file.WriteByte((byte)value);
    }
}
