using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>Self-attention with rotary positions and shared key heads.</summary>
internal sealed class RotaryAttention
{
    private readonly AttentionShape _shape;
    private readonly double _dropout;
    private readonly ProjectionGroup _queryKeyValue;
    private readonly ProjectionSite _output;
    private readonly AttentionSite _site;

    public RotaryAttention(SiteBuilder build, DecoderShape shape)
    {
        (_shape, _dropout) = (shape.Attention, shape.AttentionDropout);
        var (queries, keys) = (_shape.Heads * _shape.HeadDim, _shape.KeyHeads * _shape.HeadDim);
        var query = build.Projection("q_proj", ProjectionRole.Query, queries, shape.Hidden, shape.InputBias);
        var key = build.Projection("k_proj", ProjectionRole.Key, keys, shape.Hidden, shape.InputBias);
        var value = build.Projection("v_proj", ProjectionRole.Value, keys, shape.Hidden, shape.InputBias);
        _output = build.Projection("o_proj", ProjectionRole.AttentionOutput, shape.Hidden, queries, shape.OutputBias);
        _queryKeyValue = build.Group(query, key, value);
        _site = build.Attention(AttentionKind.Self, _shape, query, key, value, _output);
    }

    /// <summary>Attends: [rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = _queryKeyValue.Forward(x, context);
        var query = Rotary.Apply(SplitHeads(maps[0], _shape.Heads), angles);     // [rows, heads, tokens, headDim]
        var key = Rotary.Apply(SplitHeads(maps[1], _shape.KeyHeads), angles);    // [rows, keyHeads, tokens, headDim]
        var value = SplitHeads(maps[2], _shape.KeyHeads);
        var joined = _site.Attend(query, key, value, x, mask, _dropout, context);
        return _output.Forward(joined, context).MoveToOuterDisposeScope();
    }

    private Tensor SplitHeads(Tensor x, int heads)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], heads, _shape.HeadDim).transpose(1, 2);
    }
}
