using System.Buffers;
using System.Text;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Models;

/// <summary>
/// Of all ways to divide a text into pieces, the one whose scores add up to most (Kudo 2018, arXiv 1804.10959). A character that no piece
/// covers costs ten more than the worst piece.
/// </summary>
internal sealed class UnigramModel : ITokenModel
{
    private const double UnknownPenalty = 10;

    private readonly Dictionary<ulong, int> edges = [];
    private readonly Dictionary<int, int> ends = [];
    private readonly Dictionary<string, int> ids;
    private readonly double[] scores;
    private readonly ByteTokens? bytes;
    private readonly int unknownId;
    private readonly double unknownScore;
    private readonly bool inSingle;

    public UnigramModel(JsonField field, Vocabulary vocabulary, double[] scores)
    {
        (this.scores, ids) = (scores, new(vocabulary.Ids));
        var unknown = field.Required("unk_id");
        unknownId = unknown.Int(Vocabulary.LargestId);
        if (vocabulary.TokenOf(unknownId) is null)
        {
            throw unknown.Error($"{unknown.Describe()}, which no token has", "the id of a token", "correct it");
        }
        bytes = field.Flag("byte_fallback", false) ? ByteTokens.Of(vocabulary) : null;
        unknownScore = scores.Min() - UnknownPenalty;
        foreach (var (text, id) in vocabulary.Ids)
        {
            Add(text, id);
        }
    }

    /// <summary>A model of SentencePiece, which adds scores up in single precision.</summary>
    /// <param name="findable">Pieces that a text may hold, with their ids.</param>
    /// <param name="scores">The score of each id.</param>
    /// <param name="worst">The lowest score of an ordinary piece.</param>
    /// <param name="bytes">What stands for missing characters; null for the unknown token.</param>
    /// <param name="unknownId">The unknown token.</param>
    public UnigramModel(Dictionary<string, int> findable, double[] scores, float worst, ByteTokens? bytes, int unknownId)
    {
        (ids, this.scores, this.bytes, this.unknownId, inSingle) = (findable, scores, bytes, unknownId, true);
        unknownScore = (float)(worst - UnknownPenalty);
        foreach (var (text, id) in findable)
        {
            Add(text, id);
        }
    }

    /// <summary>The unknown token.</summary>
    public int UnknownId => unknownId;

    public void Tokenize(ReadOnlySpan<char> word, List<TokenPiece> output)
    {
        var best = ArrayPool<double>.Shared.Rent(word.Length + 1);
        var starts = ArrayPool<int>.Shared.Rent(word.Length + 1);
        var tokens = ArrayPool<int>.Shared.Rent(word.Length + 1);
        try
        {
            starts.AsSpan(0, word.Length + 1).Fill(-1);
            best[0] = 0;
            FindBest(word, best, starts, tokens);
            WriteBest(word, starts, tokens, output);
        }
        finally
        {
            ArrayPool<double>.Shared.Return(best);
            ArrayPool<int>.Shared.Return(starts);
            ArrayPool<int>.Shared.Return(tokens);
        }
    }

    private void FindBest(ReadOnlySpan<char> word, double[] best, int[] starts, int[] tokens)
    {
        for (int at = 0, size; at < word.Length; at += size)
        {
            Rune.DecodeFromUtf16(word[at..], out _, out size);
            var covered = false;
            for (int node = 0, next = at; next < word.Length && edges.TryGetValue(Edge(node, word[next]), out node); next++)
            {
                if (ends.TryGetValue(node, out var id))
                {
                    Offer(at, next + 1, id, scores[id], best, starts, tokens);
                    covered |= next + 1 - at == size;
                }
            }
            if (!covered)
            {
                Offer(at, at + size, unknownId, unknownScore, best, starts, tokens);
            }
        }
    }

    // Of equals the one that was found first stays: the longest last piece.
    private void Offer(int start, int end, int id, double score, double[] best, int[] starts, int[] tokens)
    {
        var sum = inSingle ? (float)((float)best[start] + (float)score) : best[start] + score;
        if (starts[end] < 0 || sum > best[end])
        {
            (best[end], starts[end], tokens[end]) = (sum, start, id);
        }
    }

    private void WriteBest(ReadOnlySpan<char> word, int[] starts, int[] tokens, List<TokenPiece> output)
    {
        var first = output.Count;
        for (var end = word.Length; end > 0;)
        {
            var (start, id) = (starts[end], tokens[end]);
            while (id == unknownId && start > 0 && tokens[start] == unknownId)
            {
                start = starts[start];
            }
            WriteBackwards(word, start, end, id, output);
            end = start;
        }
        output.Reverse(first, output.Count - first);
    }

    private void WriteBackwards(ReadOnlySpan<char> word, int start, int end, int id, List<TokenPiece> output)
    {
        if (id == unknownId && !ids.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word[start..end], out id))
        {
            id = unknownId;
            var inBytes = new int[(end - start) * 3];
            if (bytes is not null && bytes.TryWrite(word[start..end], inBytes, out var count))
            {
                for (var i = count - 1; i >= 0; i--)
                {
                    output.Add(new TokenPiece(inBytes[i], start, end));
                }
                return;
            }
        }
        output.Add(new TokenPiece(id, start, end));
    }

    private void Add(string text, int id)
    {
        var node = 0;
        foreach (var unit in text)
        {
            node = edges.TryGetValue(Edge(node, unit), out var next) ? next : edges[Edge(node, unit)] = edges.Count + 1;
        }
        if (node > 0)
        {
            ends[node] = id;
        }
    }

    private static ulong Edge(int node, char unit) => (ulong)(uint)node << 16 | unit;
}
