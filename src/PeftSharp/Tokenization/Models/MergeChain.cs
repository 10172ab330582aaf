namespace PeftSharp.Tokenization.Models;

/// <summary>The symbols of one word as a linked list, and the merges that wait, best first: n log n in the word's length.</summary>
internal sealed class MergeChain(Dictionary<ulong, (int Rank, int Id)> merges, int capacity)
{
    private readonly Symbol[] symbols = new Symbol[capacity];
    private readonly PriorityQueue<(int At, int Id), ulong> waiting = new();
    private int count;

    /// <summary>Adds a symbol that covers [start, end) of the word.</summary>
    public void Append(int id, int start, int end)
    {
        symbols[count] = new Symbol { Id = id, Start = start, End = end, Previous = count - 1, Next = -1 };
        if (count > 0)
        {
            symbols[count - 1].Next = count;
        }
        count++;
    }

    /// <summary>Merges until nothing merges, and writes what is left.</summary>
    public void Run(List<TokenPiece> output)
    {
        for (var at = 0; at + 1 < count; at++)
        {
            Offer(at);
        }
        while (waiting.TryDequeue(out var merge, out _))
        {
            ref var symbol = ref symbols[merge.At];
            // Stale if the symbol was swallowed or one of the two has changed since.
            if (symbol.Id < 0 || symbol.Next < 0
                || !merges.TryGetValue(BpeModel.Key(symbol.Id, symbols[symbol.Next].Id), out var found) || found.Id != merge.Id)
            {
                continue;
            }
            ref var swallowed = ref symbols[symbol.Next];
            symbol.Id = merge.Id;
            symbol.End = swallowed.End;
            symbol.Next = swallowed.Next;
            swallowed.Id = -1;
            if (symbol.Next >= 0)
            {
                symbols[symbol.Next].Previous = merge.At;
                Offer(merge.At);
            }
            if (symbol.Previous >= 0)
            {
                Offer(symbol.Previous);
            }
        }
        for (var at = count > 0 ? 0 : -1; at >= 0; at = symbols[at].Next)
        {
            output.Add(new TokenPiece(symbols[at].Id, symbols[at].Start, symbols[at].End));
        }
    }

    private void Offer(int at)
    {
        if (merges.TryGetValue(BpeModel.Key(symbols[at].Id, symbols[symbols[at].Next].Id), out var merge))
        {
            waiting.Enqueue((at, merge.Id), BpeModel.Key(merge.Rank, at));
        }
    }

    private struct Symbol
    {
        public int Id, Start, End, Previous, Next;
    }
}
