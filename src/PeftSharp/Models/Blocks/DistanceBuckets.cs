namespace PeftSharp.Models.Blocks;

/// <summary>How DeBERTa counts distances: near ones each for itself, far ones in buckets that grow by powers.</summary>
/// <param name="buckets">Buckets to each side; 0 counts every distance for itself.</param>
/// <param name="farthest">Distance from which all are the same.</param>
internal sealed class DistanceBuckets(int buckets, int farthest)
{
    /// <summary>Distances to each side that have vectors of their own.</summary>
    public int Span => buckets > 0 ? buckets : farthest;

    /// <summary>The row of the table for a key so many places before the query (negative for one after it).</summary>
    public long Place(long distance) => Math.Clamp(Bucket(distance) + Span, 0, 2 * Span - 1);

    private long Bucket(long distance)
    {
        var middle = buckets / 2;
        var far = Math.Abs(distance);
        if (buckets <= 0 || far <= middle) return distance;
        // In float32, as the reference: the borders between buckets depend on it.
        var share = MathF.Log((float)far / middle) / MathF.Log((float)((farthest - 1.0) / middle));
        return Math.Sign(distance) * ((long)MathF.Ceiling(share * (middle - 1)) + middle);
    }
}
