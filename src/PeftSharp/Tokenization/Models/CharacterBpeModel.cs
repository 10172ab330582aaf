using System.Text;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Models;

/// <summary>
/// Byte-pair encoding over the characters of a text, as SentencePiece has it (Llama 2, Mistral, Gemma): what the vocabulary lacks becomes
/// the
/// tokens of its bytes, or the unknown token.
/// </summary>
internal sealed class CharacterBpeModel : ITokenModel
{
    private readonly Dictionary<string, int> findable;
    private readonly Dictionary<ulong, (int Rank, int Id)> merges;
    private readonly ByteTokens? bytes;
    private readonly int unknownId, largestId;
    private readonly bool fuseUnknown, takesWholeWords;
    private readonly UserPieces? user;

    public CharacterBpeModel(JsonField field, Vocabulary vocabulary)
    {
        Merges.RefuseOthers(field);
        findable = new(vocabulary.Ids);
        merges = Merges.Read(field, vocabulary);
        bytes = field.Flag("byte_fallback", false) ? ByteTokens.Of(vocabulary) : null;
        unknownId = field.Optional("unk_token") is { } unknown ? vocabulary.IdOf(unknown.String()) : -1;
        fuseUnknown = field.Flag("fuse_unk", false);
        takesWholeWords = field.Flag("ignore_merges", false);
        largestId = int.MaxValue;
    }

    /// <summary>A model of pieces.</summary>
    /// <param name="findable">Pieces that a text may hold, with their ids.</param>
    /// <param name="scores">Those of them that merges make, with their scores.</param>
    /// <param name="user">Pieces that are taken whole before anything merges.</param>
    /// <param name="bytes">What stands for missing characters; null for the unknown token.</param>
    /// <param name="unknownId">The unknown token.</param>
    /// <param name="size">Number of pieces.</param>
    public CharacterBpeModel(
        Dictionary<string, int> findable, IReadOnlyCollection<(string Text, int Id, float Score)> scores, UserPieces? user,
            ByteTokens? bytes, int unknownId, int size)
    {
        (this.user, this.bytes, this.unknownId, this.findable) = (user, bytes, unknownId, findable);
        (fuseUnknown, largestId) = (true, size - 1);
        // A character may stand in a piece without being one: it takes part in merges under an id of its own.
        foreach (var (text, _, _) in scores)
        {
            foreach (var rune in text.EnumerateRunes())
            {
                findable.TryAdd(rune.ToString(), size + findable.Count);
            }
        }
        merges = Merges.Of(scores, part => user?.Contains(part) == true ? -1 : findable.GetValueOrDefault(part, -1));
    }

    public void Tokenize(ReadOnlySpan<char> word, List<TokenPiece> output)
    {
        var lookup = findable.GetAlternateLookup<ReadOnlySpan<char>>();
        if (takesWholeWords && lookup.TryGetValue(word, out var whole))
        {
            output.Add(new TokenPiece(whole, 0, word.Length));
            return;
        }
        var room = bytes is null ? word.Length : word.Length * 3;
        var chain = new MergeChain(merges, room <= MergeChain.ShortWord ? stackalloc MergeChain.Symbol[MergeChain.ShortWord]
            : new MergeChain.Symbol[room]);
        Span<int> inBytes = stackalloc int[4];
        var unknown = -1; // where a run of unknown characters began
        var first = output.Count;
        for (int at = 0, size; at < word.Length; at += size)
        {
            Rune.DecodeFromUtf16(word[at..], out _, out size);
            if (user?.LongestAt(word[at..]) is > 0 and var length)
            {
                size = length;
            }
            if (lookup.TryGetValue(word.Slice(at, size), out var id))
            {
                FlushUnknown(ref chain, ref unknown, at);
                chain.Append(id, at, at + size);
            }
            else if (bytes is not null && bytes.TryWrite(word.Slice(at, size), inBytes, out var count))
            {
                FlushUnknown(ref chain, ref unknown, at);
                foreach (var token in inBytes[..count])
                {
                    chain.Append(token, at, at + size);
                }
            }
            else
            {
                if (!fuseUnknown)
                {
                    FlushUnknown(ref chain, ref unknown, at);
                }
                unknown = unknown < 0 ? at : unknown;
            }
        }
        FlushUnknown(ref chain, ref unknown, word.Length);
        chain.Run(output);
        Resolve(word, output, first);
    }

    private void FlushUnknown(ref MergeChain chain, ref int start, int end)
    {
        if (start >= 0 && unknownId >= 0)
        {
            chain.Append(unknownId, start, end);
        }
        start = -1;
    }

    // Characters that no merge took and that are no pieces.
    private void Resolve(ReadOnlySpan<char> word, List<TokenPiece> output, int first)
    {
        Span<int> inBytes = stackalloc int[4];
        for (var i = first; i < output.Count; i++)
        {
            if (output[i].Id <= largestId)
            {
                continue;
            }
            var (_, start, end) = output[i];
            output.RemoveAt(i);
            if (bytes is not null && bytes.TryWrite(word[start..end], inBytes, out var count))
            {
                for (var n = 0; n < count; n++)
                {
                    output.Insert(i + n, new TokenPiece(inBytes[n], start, end));
                }
                i += count - 1;
            }
            else if (i > first && output[i - 1].Id == unknownId)
            {
                output[i - 1] = output[i - 1] with { End = end };
                i--;
            }
            else
            {
                output.Insert(i, new TokenPiece(unknownId, start, end));
            }
        }
    }
}
