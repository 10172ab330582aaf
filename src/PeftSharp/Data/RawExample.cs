namespace PeftSharp.Data;

/// <summary>A row as its reader found it, its label not yet understood.</summary>
internal readonly record struct RawExample(
    string File, int Line, string Text, string? Pair, string? Label, int[]? InputIds = null, int[]? TypeIds = null)
{
    /// <summary>Number of the row in its file, from 0.</summary>
    public int Row { get; init; }

    public KeptValue[]? Kept { get; init; }
}
