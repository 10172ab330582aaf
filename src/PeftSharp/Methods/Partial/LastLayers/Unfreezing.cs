namespace PeftSharp.Methods.Partial.LastLayers;

/// <summary>In which phases of a run tensors are trained, by their depth: 0 for the head, 1 for the top layer, and so on.</summary>
internal static class Unfreezing
{
    /// <summary>
    /// All at once; from the top down, one depth more each phase (ULMFiT, Howard and Ruder 2018, arXiv 1801.06146); or one depth at a time,
    /// the head first, then from the bottom up, at last all (chain-thaw, Felbo et al. 2017, arXiv 1708.00524).
    /// </summary>
    public const string Together = "together", Gradual = "gradual", Chain = "chain";

    /// <summary>The depths that each phase trains; one phase where there is one depth.</summary>
    /// <param name="order">One of the three.</param>
    /// <param name="depths">The depths that there are, rising.</param>
    public static IReadOnlyList<IReadOnlyList<int>> Phases(string order, IReadOnlyList<int> depths) => order switch
    {
        _ when depths.Count <= 1 => [depths],
        Gradual => [.. depths.Select((_, i) => depths.Take(i + 1).ToList())],
        Chain => [[depths[0]], .. depths.Skip(1).Reverse().Select(depth => new[] { depth }), depths],
        _ => [depths],
    };
}
