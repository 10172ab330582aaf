namespace PeftSharp.Analysis.Combining;

/// <summary>Settings of combining adapters into a new one.</summary>
public sealed record CombineOptions
{
    /// <summary>How; default: the exact sum.</summary>
    public CombineMethod How { get; init; }

    /// <summary>Rank of the result, from 1; null (default): what the method needs.</summary>
    public int? Rank { get; init; }

    /// <summary>
    /// Instead of a rank, the share of each matrix's ‖ΔW‖² to keep, above 0 and up to 1: each matrix has a rank of its own then; null by
    /// default.
    /// </summary>
    public double? Energy { get; init; }

    /// <summary>Share of the entries that pruning and dropping keep, above 0 and up to 1; default 0.2.</summary>
    public double Density { get; init; } = 0.2;

    /// <summary>How signs are elected; default: by the sum.</summary>
    public SignElection Sign { get; init; }

    /// <summary>Seed of what is dropped at random; default 42.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>
    /// The adapter whose head the result has; null (default): the mean of the heads, by weight, where all answer the same labels.
    /// </summary>
    public string? Head { get; init; }

    /// <exception cref="PeftException">A value is out of range.</exception>
    internal void Validate()
    {
        if (Rank is < 1 or > 1 << 16)
            throw new PeftException($"The rank of a combination is {Rank}; expected a whole number from 1 to 65536.");
        if (Energy is not (null or > 0 and <= 1))
            throw new PeftException($"The energy to keep is {Energy}; expected a number above 0 and up to 1.");
        if (Rank is not null && Energy is not null)
            throw new PeftException("A combination was given a rank and an energy; give one of them.");
        if (Density is not (> 0 and <= 1)) throw new PeftException($"The density is {Density}; expected a number above 0 and up to 1.");
    }
}
