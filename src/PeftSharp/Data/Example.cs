namespace PeftSharp.Data;

/// <summary>One row of a dataset.</summary>
/// <param name="Text">The text, or the first of two; empty where the row holds <paramref name="InputIds"/>.</param>
/// <param name="Pair">The second text, or null.</param>
/// <param name="Label">Class index; -1 where the dataset has no classes.</param>
/// <param name="Target">Regression target; NaN where the dataset has none.</param>
/// <param name="Line">Line of the file on which the row starts, from 1; of a parquet file, the row.</param>
/// <param name="InputIds">Token ids of a row that came tokenised, unpadded; null for text.</param>
/// <param name="TypeIds">Segment ids that go with <paramref name="InputIds"/>; null means all zeros.</param>
public sealed record Example(
    string Text, string? Pair, int Label, float Target, int Line, int[]? InputIds = null, int[]? TypeIds = null)
{
    /// <summary>The file that the row comes from; null for a row made in memory.</summary>
    public string? File { get; init; }

    /// <summary>
    /// Number of the row in its file, from 0: the header is no row, and a bad row is one. -1 for a row made in memory by hand.
    /// </summary>
    public int Row { get; init; } = -1;

    /// <summary>
    /// Indices of the classes that hold, ascending and each once, where any number may hold at once
    /// (<see cref="LabelKind.MultiLabel"/>); empty where none does, null for other kinds of labels.
    /// </summary>
    public IReadOnlyList<int>? Labels { get; init; }

    /// <summary>Values of the columns that were asked for (<see cref="DataOptions.Keep"/>), in the order of
    /// <see cref="TextDataset.KeptColumns"/>;
    /// fewer where the last ones are missing. Null where none was asked for.</summary>
    public IReadOnlyList<KeptValue>? Kept { get; init; }

    /// <summary>Where the row stands, for messages: its file (else <paramref name="source"/>) and line.</summary>
    public string Place(string source) => BadRows.Place(File ?? source, Line);
}
