namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>How many entries of a model's tensors are trained, and among which of them the largest scores are looked for.</summary>
/// <param name="Setting">The name of the setting that says how many.</param>
/// <param name="Share">The share of all entries, above 0 and at most 1.</param>
/// <param name="Number">The number of entries instead; null for the share.</param>
/// <param name="By"><see cref="Model"/>, <see cref="Layer"/> or <see cref="Tensor"/>.</param>
internal sealed record WeightChoice(string Setting, double Share, long? Number = null, string By = WeightChoice.Model)
{
    /// <summary>The largest of the whole model; of each layer, as many as fall to its size; or of each tensor.</summary>
    public const string Model = "model", Layer = "layer", Tensor = "tensor";

    /// <summary>How many of so many entries.</summary>
    public long Of(long all) => Number ?? Math.Max(1, (long)(Share * all));

    /// <summary>The setting with its value, for a message.</summary>
    public string Text => Number is { } number ? $"\"{Setting}\" {number:N0}" : $"\"{Setting}\" {Share}";

    /// <summary>
    /// Shares a number out in proportion to sizes, exactly: each gets the whole part of what falls to it, and those with the largest rest
    /// one more; of equal rests the first.
    /// </summary>
    public static long[] ShareOut(long count, IReadOnlyList<long> sizes)
    {
        var all = sizes.Sum();
        // In whole numbers: as doubles the rests of large models would be rounded.
        var parts = sizes.Select(size => Int128.DivRem((Int128)count * size, all)).ToArray();
        long[] shares = [.. parts.Select(p => (long)p.Quotient)];
        var left = (int)(count - shares.Sum());
        foreach (var i in Enumerable.Range(0, shares.Length).OrderByDescending(i => parts[i].Remainder).Take(left)) shares[i]++;
        return shares;
    }
}
