namespace PeftSharp.Analysis.Combining;

/// <summary>How changes of weights become one.</summary>
public enum CombineMethod
{
    /// <summary>The weighted sum, exactly: factors stand beside each other, and ranks add up. With a rank, the sum is cut to it.</summary>
    Cat,
    /// <summary>The weighted sum, cut to a rank by singular values (default: the largest of the adapters').</summary>
    Svd,
    /// <summary>The largest entries of each change alone, then the weighted sum, cut to a rank.</summary>
    MagnitudePrune,
    /// <summary>
    /// The largest entries of each change, a sign elected for each entry, and the mean of those that agree (Yadav et al. 2023, arXiv
    /// 2306.01708).
    /// </summary>
    Ties,
    /// <summary>
    /// Entries of each change dropped at random and the rest enlarged (Yu et al. 2023, arXiv 2311.03099), then the weighted sum.
    /// </summary>
    DareLinear,
    /// <summary>The same, then signs elected and the mean of those that agree.</summary>
    DareTies,
    /// <summary>
    /// The weighted mean of tensors: for adapters that are no changes of weights (bottlenecks, prompts), of equal settings. Weights are
    /// divided by their sum.
    /// </summary>
    Mean,
}
