namespace PeftSharp.Analysis.Combining.Soups;

/// <summary>How adapters are chosen by the likeness of their domains to new texts.</summary>
public sealed record DomainOptions
{
    /// <summary>
    /// False (default) goes by the mean cosine between texts of a domain and the new ones; true gives each new text to the domain whose
    /// centre is nearest, and goes by the share of texts that a domain gets.
    /// </summary>
    public bool ByCluster { get; init; }

    /// <summary>Most adapters in the soup; at least 1; default 5, as in the paper.</summary>
    public int Members { get; init; } = 5;

    /// <summary>
    /// What a domain has to reach; the likest one is kept whatever it reaches. Default: a cosine of 0, or a tenth of the texts.
    /// </summary>
    public double Least { get => field is double.NaN ? ByCluster ? 0.1 : 0 : field; init; } = double.NaN;

    /// <summary>Texts of each domain that are looked at, from its start; at least 1; default 100, as in the paper.</summary>
    public int Texts { get; init; } = 100;

    internal void Validate()
    {
        if (Members < 1) throw new SettingsException($"The members of a soup are {Members}; expected a whole number of at least 1.");
        if (Texts < 1) throw new SettingsException($"{Texts} texts of a domain were to be looked at; expected at least 1.");
    }
}
