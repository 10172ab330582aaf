using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Cpt;

/// <summary>The labels that stand in a context, each with its weight.</summary>
internal static class CptLabels
{
    /// <summary>
    /// Finds them. Nothing stands before the first token that could answer for it. With decay, the last example's label counts the factor
    /// once, the one before it twice, and so on: the row's own label comes after all of them.
    /// </summary>
    public static IReadOnlyList<InputLabel> Of(CptOptions options)
    {
        var (ids, types) = (options.TokenIds!, options.Types!);
        bool IsLabel(int place) => types[place] > 0 && types[place] % 4 == 0;
        var places = Enumerable.Range(1, Math.Max(0, ids.Count - 1)).Where(IsLabel).ToList();
        var order = places.Select(place => types[place]).Distinct().OrderDescending().ToList();
        double Weight(int place) => options.WeightedLoss == "decay" ? Math.Pow(options.DecayFactor, 1 + order.IndexOf(types[place])) : 1;
        return [.. places.Select(place => new InputLabel(place, ids[place], Weight(place)))];
    }
}
