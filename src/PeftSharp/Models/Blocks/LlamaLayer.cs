using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A pre-norm decoder layer: norm, attention, add, norm, feed-forward, add (Llama, Qwen, Mistral).</summary>
internal sealed class LlamaLayer
{
    private readonly Norm _inputNorm, _postAttentionNorm;
    private readonly RotaryAttention _attention;
    private readonly GatedMlp _mlp;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public LlamaLayer(SiteBuilder build, DecoderShape shape)
    {
        _inputNorm = build.Norm("input_layernorm", shape.Hidden, shape.Epsilon, shape.Norm);
        _attention = new(build.In("self_attn"), shape);
        _postAttentionNorm = build.Norm("post_attention_layernorm", shape.Hidden, shape.Epsilon, shape.Norm);
        _mlp = new(build.In("mlp"), shape);
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, shape.Hidden, null);
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, shape.Hidden, null);
        _output = build.Layer(shape.Hidden);
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[rows, tokens, hidden].</param>
    /// <param name="mask">Which tokens are seen.</param>
    /// <param name="angles">The tokens' positions.</param>
    /// <param name="context">The call.</param>
    /// <returns>[rows, tokens, hidden].</returns>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _inputNorm.Forward(x, context);
        x = _afterAttention.Forward(_attention.Forward(read, mask, angles, context), residual: x, input: read, context);
        read = _postAttentionNorm.Forward(x, context);
        x = _afterFeedForward.Forward(_mlp.Forward(read, context), residual: x, input: read, context);
        return _output.Forward(x, context).MoveToOuterDisposeScope();
    }
}
