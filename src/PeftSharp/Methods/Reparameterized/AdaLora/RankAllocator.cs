using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>Takes ranks away by setting their numbers in E to zero; a rank can come back until the last allocation.</summary>
internal static class RankAllocator
{
    /// <summary>Which ranks of each map are among the <paramref name="budget"/> most important of all maps.</summary>
    public static IReadOnlyList<bool[]> Choose(IReadOnlyList<Triplet> maps, Importance importance, long budget)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var scores = maps.Select(map => importance.Scores(map).to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray()).ToList();
        var sorted = scores.SelectMany(s => s).Order().ToArray();
        var gone = sorted.Length - budget;
        // Ranks that tie with the last to go, go with it.
        var threshold = gone > 0 ? sorted[gone - 1] : double.NegativeInfinity;
        return [.. scores.Select(s => s.Select(score => score > threshold).ToArray())];
    }

    /// <summary>Sets the others to zero.</summary>
    public static void Apply(IReadOnlyList<Triplet> maps, IReadOnlyList<bool[]> kept)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (map, ranks) in maps.Zip(kept))
            if (Gone(map, ranks) is { } gone) map.E.Value.index_copy_(0, gone, zeros_like(map.E.Value.index_select(0, gone)));
    }

    /// <summary>True if all of the others are zero, so that the adapter is the same without them.</summary>
    public static bool IsApplied(IReadOnlyList<Triplet> maps, IReadOnlyList<bool[]> kept)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return maps.Zip(kept)
            .All(pair => Gone(pair.First, pair.Second) is not { } gone || IsZero(pair.First.E.Value.index_select(0, gone)));
    }

    private static bool IsZero(Tensor numbers) => numbers.count_nonzero().item<long>() == 0;

    private static Tensor? Gone(Triplet map, bool[] kept) => kept.All(k => k) ? null : Indices(kept, false, map.E.Value.device);

    /// <summary>The positions of what is kept, or of what is not.</summary>
    public static Tensor Indices(bool[] kept, bool wanted, Device device) =>
        tensor(Enumerable.Range(0, kept.Length).Where(i => kept[i] == wanted).Select(i => (long)i).ToArray(), device: device);
}
