using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>T5's relative positions (Raffel et al. 2019, arXiv 1910.10683): a learned number per head and bucket of distances.</summary>
/// <param name="table">The numbers, [buckets, heads].</param>
/// <param name="bothWays">True where keys after the query have buckets of their own (encoders).</param>
/// <param name="buckets">Number of buckets.</param>
/// <param name="maxDistance">Distance from which all fall into the last bucket.</param>
internal sealed class RelativeBias(EmbeddingSite table, bool bothWays, int buckets, int maxDistance) : IKeyBias
{
    /// <inheritdoc/>
    public Tensor Scores(long queries, long keys, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var ids = new long[queries * keys];
        for (var i = 0L; i < queries; i++)
            for (var j = 0L; j < keys; j++) ids[i * keys + j] = Bucket(j - (keys - queries + i));
        // [rows or 1, queries · keys, heads]
        var numbers = table.Forward(tensor(ids, [1, queries * keys], device: context.Device), context);
        return numbers.view(numbers.shape[0], queries, keys, numbers.shape[2]).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>The bucket of a distance: half of the buckets hold one distance each, the others grow by powers.</summary>
    internal long Bucket(long distance)
    {
        var (count, first) = (buckets, 0L);
        if (bothWays)
        {
            count /= 2;
            if (distance > 0) first = count;
            distance = Math.Abs(distance);
        }
        else distance = Math.Max(0, -distance);
        var exact = count / 2;
        if (distance < exact) return first + distance;
        // In float32, as the reference: the borders between buckets depend on it.
        var share = MathF.Log((float)distance / exact) / (float)Math.Log((double)maxDistance / exact);
        return first + Math.Min(exact + (long)(share * (count - exact)), count - 1);
    }
}
