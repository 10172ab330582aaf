namespace PeftSharp.Sites;

/// <summary>How a map that does the work of several keeps their rows.</summary>
internal sealed record SliceLayout
{
    /// <summary>Blocks of equal height in which the maps' rows alternate; default 1: each map's rows lie together.</summary>
    public long Blocks { get; init; } = 1;

    /// <summary>True (default) if it has a bias.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>True if checkpoints keep the weight as [in, out] (GPT-2's Conv1D); default false.</summary>
    public bool Transposed { get; init; }
}
