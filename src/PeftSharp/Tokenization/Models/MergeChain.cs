namespace PeftSharp.Tokenization.Models;

/// <summary>
/// The symbols of one word as a linked list. Short words look through it for each merge; in long ones merges wait in a queue, so
/// that time grows as n log n.
/// </summary>
/// <param name="merges">Rank and result of each mergeable pair.</param>
/// <param name="symbols">Room for all the symbols that will be appended.</param>
internal ref struct MergeChain(Dictionary<ulong, (int Rank, int Id)> merges, Span<MergeChain.Symbol> symbols)
{
    /// <summary>Up to here, looking through is faster than a queue.</summary>
    public const int ShortWord = 64;

    private readonly Span<Symbol> symbols = symbols;
    private int count = 0;

    /// <summary>The key of a pair in the table of merges.</summary>
    public static ulong Key(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

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
    public readonly void Run(List<TokenPiece> output)
    {
        if (count == 0)
        {
            return;
        }
        if (count <= ShortWord)
        {
            MergeByLooking();
        }
        else
        {
            MergeByQueue();
        }
        for (var at = 0; at >= 0; at = symbols[at].Next)
        {
            output.Add(new TokenPiece(symbols[at].Id, symbols[at].Start, symbols[at].End));
        }
    }

    private readonly void MergeByLooking()
    {
        for (var at = 0; at >= 0; at = symbols[at].Next)
        {
            LookUp(at);
        }
        while (true)
        {
            var (best, bestRank) = (-1, int.MaxValue);
            for (var at = 0; at >= 0; at = symbols[at].Next)
            {
                if (symbols[at].Rank < bestRank)
                {
                    (best, bestRank) = (at, symbols[at].Rank);
                }
            }
            if (best < 0)
            {
                return;
            }
            Join(best, symbols[best].Merged);
            LookUp(best);
            if (symbols[best].Previous >= 0)
            {
                LookUp(symbols[best].Previous);
            }
        }
    }

    private readonly void MergeByQueue()
    {
        var waiting = new PriorityQueue<(int At, int Id), ulong>();
        for (var at = 0; at >= 0; at = symbols[at].Next)
        {
            Offer(waiting, at);
        }
        while (waiting.TryDequeue(out var merge, out _))
        {
            // Stale if the symbol was swallowed, or it or its neighbour has changed since.
            if (symbols[merge.At].Id < 0 || !LookUp(merge.At) || symbols[merge.At].Merged != merge.Id)
            {
                continue;
            }
            Join(merge.At, merge.Id);
            Offer(waiting, merge.At);
            if (symbols[merge.At].Previous >= 0)
            {
                Offer(waiting, symbols[merge.At].Previous);
            }
        }
    }

    private readonly void Offer(PriorityQueue<(int At, int Id), ulong> waiting, int at)
    {
        if (LookUp(at))
        {
            waiting.Enqueue((at, symbols[at].Merged), Key(symbols[at].Rank, at));
        }
    }

    private readonly bool LookUp(int at)
    {
        ref var symbol = ref symbols[at];
        if (symbol.Next >= 0 && merges.TryGetValue(Key(symbol.Id, symbols[symbol.Next].Id), out var merge))
        {
            (symbol.Rank, symbol.Merged) = merge;
            return true;
        }
        symbol.Rank = int.MaxValue;
        return false;
    }

    private readonly void Join(int at, int id)
    {
        ref var symbol = ref symbols[at];
        ref var swallowed = ref symbols[symbol.Next];
        symbol.Id = id;
        symbol.End = swallowed.End;
        symbol.Next = swallowed.Next;
        swallowed.Id = -1;
        if (symbol.Next >= 0)
        {
            symbols[symbol.Next].Previous = at;
        }
    }

    /// <summary>A symbol, its neighbours, and the merge with the next one as last looked up.</summary>
    internal struct Symbol
    {
        public int Id, Start, End, Previous, Next, Rank, Merged;
    }
}
