using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>Self-attention with rotary positions and shared key heads.</summary>
internal sealed class RotaryAttention
{
    private readonly AttentionShape _shape;
    private readonly double _dropout;
    private readonly Func<Tensor, ForwardContext, Tensor[]> _queryKeyValue;
    private readonly ProjectionSite _output;

    public RotaryAttention(SiteBuilder build, DecoderShape shape)
    {
        (_shape, _dropout) = (shape.Attention, shape.AttentionDropout);
        var (queries, keys) = (_shape.Heads * _shape.HeadDim, _shape.KeyHeads * _shape.HeadDim);
        HasFusedMaps = shape.FusedMaps;
        ProjectionSite query, key, value;
        if (shape.FusedMaps)
        {
            var fused = build.Sliced(
                "qkv_proj", shape.Hidden, new() { HasBias = shape.InputBias },
                (ProjectionRole.Query, queries), (ProjectionRole.Key, keys), (ProjectionRole.Value, keys));
            (query, key, value) = (fused.Parts[0], fused.Parts[1], fused.Parts[2]);
            _queryKeyValue = fused.Forward;
        }
        else
        {
            query = build.Projection("q_proj", ProjectionRole.Query, queries, shape.Hidden, shape.InputBias);
            key = build.Projection("k_proj", ProjectionRole.Key, keys, shape.Hidden, shape.InputBias);
            value = build.Projection("v_proj", ProjectionRole.Value, keys, shape.Hidden, shape.InputBias);
            var joined = build.Group(query, key, value);
            _queryKeyValue = (x, context) => joined.Forward(x, context);
        }
        _output = build.Projection("o_proj", ProjectionRole.AttentionOutput, shape.Hidden, queries, shape.OutputBias);
        if (shape.QueryKeyNorms)
        {
            QueryNorm = build.Norm("q_norm", _shape.HeadDim, shape.Epsilon, NormKind.Rms);
            KeyNorm = build.Norm("k_norm", _shape.HeadDim, shape.Epsilon, NormKind.Rms);
        }
        Site = build.Attention(AttentionKind.Self, _shape, query, key, value, _output);
    }

    /// <summary>The attention, with its maps.</summary>
    public AttentionSite Site { get; }

    /// <summary>Over each head's queries; null for none.</summary>
    public Norm? QueryNorm { get; }

    /// <summary>Over each head's keys; null for none.</summary>
    public Norm? KeyNorm { get; }

    /// <summary>True if one map makes queries, keys and values.</summary>
    public bool HasFusedMaps { get; }

    /// <summary>Attends: [rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = _queryKeyValue(x, context);
        var query = SplitHeads(maps[0], _shape.Heads);                          // [rows, heads, tokens, headDim]
        var key = SplitHeads(maps[1], _shape.KeyHeads);                         // [rows, keyHeads, tokens, headDim]
        query = Rotary.Apply(QueryNorm?.Forward(query, context) ?? query, angles);
        key = Rotary.Apply(KeyNorm?.Forward(key, context) ?? key, angles);
        var value = SplitHeads(maps[2], _shape.KeyHeads);
        var joined = Site.Attend(query, key, value, x, mask, _dropout, context);
        return _output.Forward(joined, context).MoveToOuterDisposeScope();
    }

    private Tensor SplitHeads(Tensor x, int heads)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], heads, _shape.HeadDim).transpose(1, 2);
    }
}
