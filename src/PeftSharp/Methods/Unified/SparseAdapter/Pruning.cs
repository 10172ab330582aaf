using PeftSharp.Methods.Partial;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.SparseAdapter;

/// <summary>Which entries of several matrices are kept.</summary>
internal static class Pruning
{
    /// <summary>
    /// The entries with the largest scores of all. Matrices whose scores are all zero (which start at zero) keep their share at random.
    /// </summary>
    /// <param name="scores">A score for each entry.</param>
    /// <param name="share">Share of the entries to keep.</param>
    /// <param name="seed">Seed of what is random.</param>
    public static long[][] ByScore(IReadOnlyList<Tensor> scores, double share, Func<int, ulong> seed)
    {
        using var scope = NewDisposeScope();
        var tells = scores.Select(s => s.count_nonzero().item<long>() > 0).ToArray();
        List<Tensor> told = [.. scores.Where((_, i) => tells[i])];
        var found = told.Count == 0 ? [] : LargestEntries.Find(told, Count(told.Sum(s => s.numel()), share));
        var next = 0;
        return [.. scores.Select((s, i) => tells[i] ? found[next++] : AtRandom(s.numel(), share, seed(i)))];
    }

    /// <summary>Entries at random, the same share of every matrix.</summary>
    public static long[][] ByChance(IReadOnlyList<Tensor> matrices, double share, Func<int, ulong> seed) =>
        [.. matrices.Select((m, i) => AtRandom(m.numel(), share, seed(i)))];

    /// <summary>
    /// Entries at random, of each matrix a share that is in proportion to (rows + columns) / (rows · columns), none above 1.
    /// </summary>
    public static long[][] ByErdosRenyi(IReadOnlyList<Tensor> matrices, double share, Func<int, ulong> seed)
    {
        double[] sides = [.. matrices.Select(m => m.shape[0] + (double)m.numel() / m.shape[0])],
            sizes = [.. matrices.Select(m => (double)m.numel())];
        var whole = new bool[sides.Length];
        while (true)
        {
            // What is left for those that are not kept whole.
            var left = share * sizes.Sum() - sizes.Where((_, i) => whole[i]).Sum();
            var factor = left / sides.Where((_, i) => !whole[i]).Sum();
            var full = Enumerable.Range(0, sides.Length).Where(i => !whole[i] && factor * sides[i] >= sizes[i]).ToList();
            foreach (var i in full) whole[i] = true;
            if (full.Count > 0 && !whole.All(w => w)) continue;
            return [.. matrices.Select((m, i) => AtRandom(m.numel(), whole[i] ? 1 : factor * sides[i] / sizes[i], seed(i)))];
        }
    }

    private static long[] AtRandom(long size, double share, ulong seed)
    {
        using var scope = NewDisposeScope();
        return LargestEntries.Find([Initial.Uniform([size], 1, seed)], Count(size, share))[0];
    }

    private static long Count(long size, double share) => Math.Clamp((long)Math.Round(share * size), 1, size);
}
