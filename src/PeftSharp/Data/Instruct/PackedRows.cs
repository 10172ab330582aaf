namespace PeftSharp.Data.Instruct;

/// <summary>Rows of instruction data packed into rows of a given length: several sequences in each, which do not see each other.</summary>
/// <remarks>
/// The longest sequences come first, each into the first row with room for it, so that the same data is packed alike everywhere.
/// </remarks>
internal sealed class PackedRows : IRowBatches
{
    private readonly TokenizedDataset _data;
    private readonly int[][] _rows;

    /// <summary>Packs a dataset.</summary>
    /// <param name="data">Rows of <see cref="LabelKind.Tokens"/>; they stay the caller's.</param>
    /// <param name="length">Most tokens of a packed row; a longer sequence is a row of its own.</param>
    /// <param name="added">Virtual tokens that an adapter puts before each sequence; they take room.</param>
    /// <exception cref="PeftException">The data is of another kind.</exception>
    public PackedRows(TokenizedDataset data, int length, int added = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        if (data.Data.Kind != LabelKind.Tokens) throw new PeftException($"{data.Data.Source} holds rows with labels of their own, "
            + "which cannot be packed; packing is for instruction data.");
        _data = data;
        var rows = new List<(List<int> Sequences, int Room)>();
        foreach (var sequence in Enumerable.Range(0, data.Count).OrderByDescending(i => data.Lengths[i]))
        {
            var needed = data.Lengths[sequence] + added;
            var at = rows.FindIndex(row => row.Room >= needed);
            if (at < 0)
            {
                rows.Add(([], length));
                at = rows.Count - 1;
            }
            rows[at].Sequences.Add(sequence);
            rows[at] = (rows[at].Sequences, rows[at].Room - needed);
        }
        _rows = [.. rows.Select(row => row.Sequences.ToArray())];
        Lengths = [.. _rows.Select(row => row.Sum(i => data.Lengths[i]))];
    }

    /// <inheritdoc/>
    public int Count => _rows.Length;

    /// <summary>Tokens of each packed row.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>The dataset's rows in each packed row.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Sequences => _rows;

    /// <inheritdoc/>
    public TokenBatch CreateBatch(ReadOnlySpan<int> indices) => _data.CreatePacked([.. indices.ToArray().Select(i => _rows[i])]);
}
