namespace PeftSharp.Data;

/// <summary>Cuts datasets into parts, and draws samples of them: by what rows say and a seed, whatever order they come in.</summary>
public static class DataPartition
{
    private const int TargetBins = 10;

    /// <summary>Cuts a dataset into disjoint parts whose sizes have given shares.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="shares">Share of each part, above 0; together at most 1. What is left belongs to no part.</param>
    /// <param name="seed">Seed of the cut.</param>
    /// <param name="stratify">True gives every part the same shares of labels (of regression targets: of tenths of them).</param>
    /// <returns>
    /// The parts, their rows in file order. Rows that say the same belong to the same part, so sizes may differ a little from shares.
    /// </returns>
    /// <exception cref="PeftException">A share is not above 0, they are more than 1 together, or a part would have no row.</exception>
    public static IReadOnlyList<TextDataset> Split(TextDataset data, IReadOnlyList<double> shares, ulong seed, bool stratify = true)
    {
        if (shares.Count == 0 || shares.Any(share => !(share > 0)) || shares.Sum() > 1 + 1e-9)
            throw new PeftException(
                $"The shares {string.Join(", ", shares)} are no cut of a dataset; give numbers above 0 that sum up to 1 at most.");
        double[] all = shares.Sum() < 1 - 1e-9 ? [.. shares, 1 - shares.Sum()] : [.. shares];
        var parts = all.Select(_ => new List<int>()).ToArray();
        var done = 0;
        foreach (var group in Groups(data, seed, stratify))
        {
            // To the part that lacks most: every stretch of the order is cut by the shares, hence every stratum too.
            done += group.Length;
            var part = Enumerable.Range(0, all.Length).MaxBy(p => all[p] * done - parts[p].Count);
            parts[part].AddRange(group);
        }
        for (var i = 0; i < shares.Count; i++)
        {
            if (parts[i].Count == 0)
                throw new PeftException(
                    $"{data.Source} has {data.Count} rows, too few for a part with the share {shares[i]}; give more rows, or "
                    + "another share.");
            parts[i].Sort();
        }
        return [.. parts.Take(shares.Count).Select(data.Subset)];
    }

    /// <summary>Draws rows so that labels keep their shares.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="count">How many; all are taken if there are fewer.</param>
    /// <param name="seed">Seed of the draw.</param>
    /// <returns>The rows drawn, in file order. A class has at least one where there are enough rows for every class.</returns>
    public static TextDataset Sample(TextDataset data, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (count >= data.Count) return data;
        var strata = Strata(data);
        var sizes = strata.GroupBy(s => s).OrderBy(s => s.Key).ToDictionary(s => s.Key, s => s.Count());
        var left = Quotas(sizes, count, data.Count);
        var chosen = new List<int>(count);
        foreach (var (_, row) in Keys(data, seed).Select((key, row) => (key, row)).Order())
            if (left[strata[row]]-- > 0) chosen.Add(row);
        chosen.Sort();
        return data.Subset(chosen);
    }

    // Whole rows by the largest remainders, and none for no class that can have one.
    private static Dictionary<int, int> Quotas(Dictionary<int, int> sizes, int count, int rows)
    {
        var exact = sizes.ToDictionary(s => s.Key, s => (double)s.Value * count / rows);
        var least = count >= sizes.Count ? 1 : 0;
        var quotas = exact.ToDictionary(s => s.Key, s => Math.Max(least, (int)s.Value));
        for (var missing = count - quotas.Values.Sum(); missing != 0; missing -= Math.Sign(missing))
        {
            var up = missing > 0;
            var stratum = quotas.Where(q => up ? q.Value < sizes[q.Key] : q.Value > least)
                .MaxBy(q => up ? exact[q.Key] - q.Value : q.Value - exact[q.Key]).Key;
            quotas[stratum] += Math.Sign(missing);
        }
        return quotas;
    }

    // Rows that say the same are one group; the groups come stratum by stratum, in an order that the seed draws.
    private static IEnumerable<int[]> Groups(TextDataset data, ulong seed, bool stratify)
    {
        var keys = Keys(data, seed);
        var strata = stratify ? Strata(data) : new int[data.Count];
        // Rows that say the same and differ in their labels belong to the stratum of the lowest.
        var lowest = new Dictionary<UInt128, int>(data.Count);
        for (var row = 0; row < keys.Length; row++)
            lowest[keys[row]] = lowest.TryGetValue(keys[row], out var other) ? Math.Min(other, strata[row]) : strata[row];
        int[] order = [.. Enumerable.Range(0, data.Count)];
        Array.Sort([.. order.Select(row => (lowest[keys[row]], keys[row]))], order);
        for (var start = 0; start < order.Length;)
        {
            var end = start + 1;
            while (end < order.Length && keys[order[end]] == keys[order[start]]) end++;
            yield return order[start..end];
            start = end;
        }
    }

    private static UInt128[] Keys(TextDataset data, ulong seed)
    {
        var keys = new UInt128[data.Count];
        Parallel.For(0, keys.Length, row => keys[row] = RowKey.Of(data.Examples[row], seed));
        return keys;
    }

    private static int[] Strata(TextDataset data)
    {
        if (data.Kind is LabelKind.None or LabelKind.Tokens) return new int[data.Count];
        if (data.Kind == LabelKind.Class)
        {
            // In the order of their names: indices may differ between the files of a model and those of its data.
            string[] names = [.. data.LabelNames!.Order(StringComparer.Ordinal)];
            int[] ranks = [.. data.LabelNames!.Select(name => Array.IndexOf(names, name))];
            return [.. data.Examples.Select(row => ranks[row.Label])];
        }
        if (data.Kind == LabelKind.MultiLabel) return OfRarest(data);
        float[] targets = [.. data.Examples.Select(row => row.Target)];
        float[] sorted = [.. targets.Order()];
        float[] edges = [.. Enumerable.Range(1, TargetBins - 1).Select(i => sorted[(int)((long)i * sorted.Length / TargetBins)])];
        return [.. targets.Select(target => edges.Count(edge => edge <= target))];
    }

    // Rows with several labels belong to the rarest of them, so that each part gets its share of those that are hard to come by.
    private static int[] OfRarest(TextDataset data)
    {
        var counts = new int[data.Labels!.Count];
        foreach (var row in data.Examples)
            foreach (var label in row.Labels ?? []) counts[label]++;
        var ranks = new int[counts.Length];
        var order = Enumerable.Range(0, counts.Length).OrderBy(label => counts[label])
            .ThenBy(label => data.LabelNames![label], StringComparer.Ordinal);
        foreach (var (label, rank) in order.Select((label, rank) => (label, rank))) ranks[label] = rank + 1;
        return [.. data.Examples.Select(row => (row.Labels ?? []).Select(label => ranks[label]).DefaultIfEmpty().Min())];
    }
}
