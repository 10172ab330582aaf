using System.Buffers;
using System.Text;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Models;

/// <summary>Byte-pair encoding over the bytes of a word: the earliest learnt merge first, the leftmost of equals.</summary>
internal sealed class BpeModel : ITokenModel
{
    private readonly int[] byteIds = new int[256];
    private readonly Dictionary<ulong, (int Rank, int Id)> merges;
    private readonly Dictionary<string, int>? wholeWords;
    private readonly int unknownId;

    public BpeModel(JsonField field, Vocabulary vocabulary)
    {
        Merges.RefuseOthers(field);
        if (field.Flag("byte_fallback", false))
        {
            throw field.Required("byte_fallback").Error("true", "false where words are split into bytes", "this BPE can't be read");
        }
        unknownId = field.Optional("unk_token") is { } unknown ? vocabulary.IdOf(unknown.String()) : -1;
        for (var value = 0; value < 256; value++)
        {
            byteIds[value] = vocabulary.IdOf(ByteAlphabet.CharOf((byte)value).ToString());
        }
        if (field.Flag("ignore_merges", false))
        {
            wholeWords = new Dictionary<string, int>(vocabulary.Ids);
        }
        merges = Merges.Read(field, vocabulary);
    }

    public void Tokenize(ReadOnlySpan<char> word, List<TokenPiece> output)
    {
        var mostBytes = System.Text.Encoding.UTF8.GetMaxByteCount(word.Length);
        var bytes = ArrayPool<byte>.Shared.Rent(mostBytes);
        var bounds = ArrayPool<int>.Shared.Rent(mostBytes * 2);
        try
        {
            var length = 0;
            for (int at = 0, size; at < word.Length; at += size)
            {
                Rune.DecodeFromUtf16(word[at..], out var rune, out size);
                for (var last = length + rune.EncodeToUtf8(bytes.AsSpan(length)); length < last; length++)
                {
                    (bounds[2 * length], bounds[2 * length + 1]) = (at, at + size);
                }
            }
            if (wholeWords is not null && TryWholeWord(bytes.AsSpan(0, length), out var whole))
            {
                output.Add(new TokenPiece(whole, 0, word.Length));
                return;
            }
            Merge(bytes.AsSpan(0, length), bounds, output);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
            ArrayPool<int>.Shared.Return(bounds);
        }
    }

    private void Merge(ReadOnlySpan<byte> bytes, int[] bounds, List<TokenPiece> output)
    {
        var chain = new MergeChain(merges, bytes.Length <= MergeChain.ShortWord
            ? stackalloc MergeChain.Symbol[MergeChain.ShortWord] : new MergeChain.Symbol[bytes.Length]);
        for (var i = 0; i < bytes.Length; i++)
        {
            if (byteIds[bytes[i]] is >= 0 and var id)
            {
                chain.Append(id, bounds[2 * i], bounds[2 * i + 1]);
            }
            else if (unknownId >= 0)
            {
                chain.Append(unknownId, bounds[2 * i], bounds[2 * i + 1]);
            }
        }
        chain.Run(output);
    }

    private bool TryWholeWord(ReadOnlySpan<byte> bytes, out int id)
    {
        Span<char> mapped = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            mapped[i] = ByteAlphabet.CharOf(bytes[i]);
        }
        return wholeWords!.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(mapped, out id);
    }
}
