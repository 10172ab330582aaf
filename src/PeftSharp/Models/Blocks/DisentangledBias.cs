using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>
/// DeBERTa's disentangled attention (He et al. 2020, arXiv 2006.03654): besides content to content, scores hold what the query's content
/// says of the key's distance, and what the key's content says of the query's. Distances have vectors of their own, which go through the
/// layer's own maps.
/// </summary>
/// <param name="table">Vectors of distances, [2 · span, hidden]; shared by all layers.</param>
/// <param name="norm">The norm over them; null for none.</param>
/// <param name="shape">Heads, and by what scores are scaled.</param>
/// <param name="distances">How distances are counted.</param>
/// <param name="contentToPosition">True if the query's content looks at distances.</param>
/// <param name="positionToContent">True if the key's content looks at distances.</param>
/// <param name="dropout">Dropout of the vectors.</param>
internal sealed class DisentangledBias(
    EmbeddingSite table, Norm? norm, AttentionShape shape, DistanceBuckets distances, bool contentToPosition, bool positionToContent,
    double dropout)
{
    /// <summary>The mask with what content and distance add to the scores.</summary>
    /// <param name="mask">Which keys are seen.</param>
    /// <param name="query">[rows, heads, tokens, headDim].</param>
    /// <param name="key">[rows, heads, tokens, headDim].</param>
    /// <param name="queryMap">The layer's map to queries.</param>
    /// <param name="keyMap">The layer's map to keys.</param>
    /// <param name="context">The call.</param>
    public KeyMask Extend(KeyMask mask, Tensor query, Tensor key, ProjectionSite queryMap, ProjectionSite keyMap, ForwardContext context)
    {
        // The vectors of distances have no padding, whatever the tokens have.
        context = context.ForVectors();
        var vectors = Vectors(query.shape[0], context);                         // [rows or 1, 2 · span, hidden]
        var places = Places(key.shape[2], context);                             // [queries, keys]
        Tensor? sum = null;
        if (contentToPosition)
        {
            var towards = query.matmul(Heads(keyMap.Forward(vectors, context)).transpose(-1, -2)); // [rows, heads, queries, 2 · span]
            sum = At(towards, places);
        }
        if (positionToContent)
        {
            var towards = key.matmul(Heads(queryMap.Forward(vectors, context)).transpose(-1, -2)); // [rows, heads, keys, 2 · span]
            var back = At(towards, places.t()).transpose(-1, -2);
            sum = sum?.Plus(back) ?? back;
        }
        return new() { Padding = mask.Padding, Bias = sum is null ? null : new ContentBias(sum.Times(shape.Scale)) };
    }

    private Tensor Vectors(long rows, ForwardContext context)
    {
        var vectors = table.Forward(Arithmetic.Range(0, table.Vocabulary, device: context.Device).unsqueeze(0), context);
        if (norm is not null) vectors = norm.Forward(vectors, context);
        // Where rows have adapters of their own, each needs vectors of its own.
        if (context.Selection.IsPerRow && vectors.shape[0] == 1) vectors = vectors.expand(rows, vectors.shape[1], vectors.shape[2]);
        return Dropout.Base(vectors, dropout, table.Path, context);
    }

    private Tensor Places(long tokens, ForwardContext context) => context.Once(distances, () =>
    {
        using var scope = NewDisposeScope();
        var ids = new long[tokens * tokens];
        for (var i = 0L; i < tokens; i++)
            for (var j = 0L; j < tokens; j++) ids[i * tokens + j] = distances.Place(i - j);
        return tensor(ids, [tokens, tokens], device: context.Device).MoveToOuterDisposeScope();
    });

    // [rows, heads, n, 2 · span] and [n, m] → [rows, heads, n, m].
    private static Tensor At(Tensor scores, Tensor places) =>
        scores.gather(-1, places.expand(scores.shape[0], scores.shape[1], places.shape[0], places.shape[1]));

    private Tensor Heads(Tensor x) => x.reshape(x.shape[0], x.shape[1], shape.Heads, shape.HeadDim).transpose(1, 2);

    // Keys of a prefix have no distance.
    private sealed class ContentBias(Tensor scores) : IKeyBias
    {
        public Tensor Scores(long queries, long keys, ForwardContext context)
        {
            var missing = keys - scores.shape[3];
            if (missing == 0) return scores.alias();
            return cat(
                [zeros([scores.shape[0], scores.shape[1], scores.shape[2], missing], dtype: scores.dtype, device: scores.device), scores],
                -1);
        }
    }
}
