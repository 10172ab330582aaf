using PeftSharp.Models.Decoding;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A pre-norm decoder layer: norm, attention, add, norm, feed-forward, add (Llama, Qwen, Mistral, Gemma, Phi-3).</summary>
internal sealed class LlamaLayer : IDecoderLayer
{
    private readonly double _dropout;
    private readonly Norm _inputNorm, _postAttentionNorm;
    private readonly RotaryAttention _attention;
    private readonly GatedMlp _mlp;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public LlamaLayer(SiteBuilder build, DecoderShape shape)
    {
        _dropout = shape.ResidualDropout;
        _inputNorm = build.Norm("input_layernorm", shape.Hidden, shape.Epsilon, shape.Norm);
        _attention = new(build.In("self_attn"), shape);
        _postAttentionNorm = build.Norm("post_attention_layernorm", shape.Hidden, shape.Epsilon, shape.Norm);
        _mlp = new(build.In("mlp"), shape);
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, shape.Hidden, null);
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, shape.Hidden, null);
        _output = build.Layer(shape.Hidden);
    }

    /// <inheritdoc/>
    public LayerParts? Parts => _mlp.Maps is not var (gate, up, down) || _attention.HasFusedMaps ? null : new()
    {
        InputNorm = _inputNorm,
        QueryNorm = _attention.QueryNorm,
        KeyNorm = _attention.KeyNorm,
        Attention = _attention.Site,
        AfterAttention = _afterAttention,
        FeedForwardNorm = _postAttentionNorm,
        Gate = gate,
        Up = up,
        Down = down,
        AfterFeedForward = _afterFeedForward,
        Output = _output,
    };

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _inputNorm.Forward(x, context);
        var attended = Dropout.Base(_attention.Forward(read, mask, angles, context), _dropout, _afterAttention.Path, context);
        x = _afterAttention.Forward(attended, residual: x, input: read, context);
        read = _postAttentionNorm.Forward(x, context);
        var fed = Dropout.Base(_mlp.Forward(read, context), _dropout, _afterFeedForward.Path, context);
        x = _afterFeedForward.Forward(fed, residual: x, input: read, context);
        return _output.Forward(x, context).MoveToOuterDisposeScope();
    }
}
