using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining;

/// <summary>The matrices that adapters change, and what each makes of one; results belong to the caller's scope.</summary>
internal sealed class MatrixSources(PeftModel model, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources)
{
    /// <summary>
    /// Where any of the adapters changes a matrix of the layers, in the order of the model. The head is saved whole with every adapter.
    /// </summary>
    public List<MatrixPlace> Places()
    {
        var found = sources.SelectMany(source => ChangedMatrix.Of(model, source.Adapter).Select(matrix => matrix.Place))
            .Where(place => place.Group != MatrixGroup.Head).ToHashSet();
        var sites = model.Model.Sites;
        return [.. sites.Projections.Select(site => site.Path).Concat(sites.Embeddings.Select(site => site.Path))
            .Select(path => found.FirstOrDefault(place => place.Path == path)).OfType<MatrixPlace>()];
    }

    /// <summary>
    /// The rank that the weighted sum of the changes has at most, exactly; null where a change is known as a whole alone.
    /// </summary>
    public int? ExactRank(MatrixPlace place)
    {
        using var scope = NewDisposeScope();
        var deltas = At(place);
        return deltas.TrueForAll(one => one.Delta is FactoredDelta) ? (int)deltas.Sum(one => ((FactoredDelta)one.Delta).Rank) : null;
    }

    /// <summary>The largest rank of the changes; null where one is known as a whole alone.</summary>
    public int? LargestRank(MatrixPlace place)
    {
        using var scope = NewDisposeScope();
        var deltas = At(place);
        return deltas.TrueForAll(one => one.Delta is FactoredDelta) ? (int)deltas.Max(one => ((FactoredDelta)one.Delta).Rank) : null;
    }

    /// <summary>Factors of the weighted sum: Left [rows, r], right [r, columns], float64.</summary>
    public (Tensor Left, Tensor Right) Joined(MatrixPlace place)
    {
        List<(Tensor Left, Tensor Right)> each =
            [.. At(place).Select(one => (((FactoredDelta)one.Delta).Left,
                ((FactoredDelta)one.Delta).Right.to(ScalarType.Float64).Times(one.Weight * ((FactoredDelta)one.Delta).Scale)))];
        return (cat([.. each.Select(one => one.Left.to(ScalarType.Float64))], 1), cat([.. each.Select(one => one.Right)], 0));
    }

    /// <summary>Each change as a whole, float64, with its weight and its adapter.</summary>
    public IReadOnlyList<(Tensor Change, double Weight, PeftMethod Adapter)> Dense(MatrixPlace place) =>
        [.. At(place).Select(one => (one.Delta.Dense(ScalarType.Float64), one.Weight, one.Adapter))];

    private List<(Delta Delta, double Weight, PeftMethod Adapter)> At(MatrixPlace place) =>
        [.. sources.Select(source => (Delta: ChangedMatrix.DeltaAt(model, source.Adapter, place.Path)!, source.Weight, source.Adapter))
            .Where(one => one.Delta is not null)];
}
