namespace PeftSharp.Tokenization;

/// <summary>The tokens of one text before special tokens are added; reused from text to text.</summary>
internal sealed class TokenList
{
    private int[] ids = new int[64];
    private (int Start, int End)[] offsets = new (int, int)[64];

    /// <summary>Number of tokens.</summary>
    public int Count { get; private set; }

    /// <summary>Token ids.</summary>
    public ReadOnlySpan<int> Ids => ids.AsSpan(0, Count);

    /// <summary>Where each token stands in the text.</summary>
    public Span<(int Start, int End)> Offsets => offsets.AsSpan(0, Count);

    /// <summary>Empties the list.</summary>
    public void Clear() => Count = 0;

    /// <summary>Adds a token.</summary>
    public void Add(int id, int start, int end)
    {
        if (Count == ids.Length)
        {
            Array.Resize(ref ids, Count * 2);
            Array.Resize(ref offsets, Count * 2);
        }
        ids[Count] = id;
        offsets[Count++] = (start, end);
    }

    /// <summary>Drops tokens from the end.</summary>
    public void Truncate(int count) => Count = Math.Min(Count, count);

    /// <summary>Drops tokens from the beginning.</summary>
    public void TruncateLeft(int count)
    {
        if (count >= Count)
        {
            return;
        }
        Ids[^count..].CopyTo(ids);
        Offsets[^count..].CopyTo(offsets);
        Count = count;
    }
}
