using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>
/// A rank that no map has is a slip of whoever sets it: it trains more weights than the maps themselves, to no more effect.
/// </summary>
internal static class RankLimit
{
    /// <summary>Refuses it where an adapter is new; one that was saved is read as it is.</summary>
    /// <param name="setting">The method and its setting, for the sentence: <c>LORA: "r"</c>.</param>
    /// <param name="maps">The adapted maps; those outside the layers, a head of two classes say, do not count.</param>
    /// <param name="rank">The rank at a map.</param>
    /// <param name="host">What the adapter is attached to.</param>
    /// <exception cref="PeftException">The rank is above that of every map.</exception>
    public static void Check(string setting, IEnumerable<ProjectionSite> maps, Func<ProjectionSite, int> rank, MethodHost host)
    {
        if (host.SavedNumbers is not null) return;
        static long Full(ProjectionSite map) => Math.Min(map.InFeatures, map.OutFeatures);
        List<ProjectionSite> inside = [.. maps.Where(map => map.Layer >= 0)];
        if (inside.Count == 0 || inside.Exists(map => rank(map) <= Full(map))) return;
        var widest = inside.MaxBy(Full)!;
        throw new PeftException(
            $"{setting} is {rank(widest)}, but no map that the adapter changes has a rank above {Full(widest)} ({widest.Path}: "
            + $"{widest.OutFeatures} × {widest.InFeatures}); give a rank of at most {Full(widest)}.");
    }
}
