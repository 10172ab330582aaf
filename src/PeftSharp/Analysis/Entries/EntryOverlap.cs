namespace PeftSharp.Analysis.Entries;

/// <summary>How far two sparse adapters change the same weights of a module.</summary>
/// <param name="Region">The path of its layer; <c>embeddings</c> or <c>above</c> outside the layers.</param>
/// <param name="Module">Its path inside the layer; outside the layers the whole path.</param>
/// <param name="First">Number of weights that the first one changes.</param>
/// <param name="Second">Number of weights that the second one changes.</param>
/// <param name="Both">Number of weights that both change.</param>
/// <param name="Count">Number of weights.</param>
public sealed record EntryOverlap(string Region, string Module, long First, long Second, long Both, long Count)
{
    /// <summary>Both / either (Jaccard's index), from 0 to 1; NaN where neither changes anything.</summary>
    public double Jaccard => (double)Both / (First + Second - Both);

    /// <summary>Both / the smaller number, from 0 to 1; NaN where one of them changes nothing.</summary>
    public double OfSmaller => (double)Both / Math.Min(First, Second);

    /// <summary>What <see cref="OfSmaller"/> is on average for choices that know nothing of each other: the larger share.</summary>
    public double Random => (double)Math.Max(First, Second) / Count;

    /// <summary>Compares what two adapters of one base change, by place, in the order of the first.</summary>
    /// <param name="first">What the first one changes.</param>
    /// <param name="second">What the second one changes.</param>
    public static IReadOnlyList<EntryOverlap> Of(IReadOnlyList<ChangedTensor> first, IReadOnlyList<ChangedTensor> second)
    {
        var others = second.ToLookup(t => t.Name);
        return
        [
            .. first.Where(t => others.Contains(t.Name))
                .Select(t => (Tensor: t, Other: others[t.Name].First()))
                .GroupBy(p => (p.Tensor.Region, p.Tensor.Module))
                .Select(
                    g => new EntryOverlap(
                        g.Key.Region, g.Key.Module, g.Sum(p => (long)p.Tensor.Positions.Count), g.Sum(p => (long)p.Other.Positions.Count),
                        g.Sum(p => Common(p.Tensor.Positions, p.Other.Positions)), g.Sum(p => p.Tensor.Count))),
        ];
    }

    /// <summary>All places together.</summary>
    public static EntryOverlap Total(IReadOnlyList<EntryOverlap> all) =>
        new("", "all", all.Sum(o => o.First), all.Sum(o => o.Second), all.Sum(o => o.Both), all.Sum(o => o.Count));

    // Of two ascending lists.
    private static long Common(IReadOnlyList<long> a, IReadOnlyList<long> b)
    {
        var (i, j, common) = (0, 0, 0L);
        while (i < a.Count && j < b.Count)
        {
            if (a[i] == b[j]) common++;
            var (left, right) = (a[i], b[j]);
            if (left <= right) i++;
            if (right <= left) j++;
        }
        return common;
    }
}
