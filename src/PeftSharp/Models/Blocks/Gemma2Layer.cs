using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A decoder layer with a norm before and behind each branch (Gemma 2).</summary>
internal sealed class Gemma2Layer : IDecoderLayer
{
    private readonly Norm _beforeAttention, _behindAttention, _beforeFeedForward, _behindFeedForward;
    private readonly RotaryAttention _attention;
    private readonly GatedMlp _mlp;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public Gemma2Layer(SiteBuilder build, DecoderShape shape)
    {
        Norm Norm(string name) => build.Norm(name, shape.Hidden, shape.Epsilon, shape.Norm);
        _beforeAttention = Norm("input_layernorm");
        _attention = new(build.In("self_attn"), shape);
        _behindAttention = Norm("post_attention_layernorm");
        _beforeFeedForward = Norm("pre_feedforward_layernorm");
        _mlp = new(build.In("mlp"), shape);
        _behindFeedForward = Norm("post_feedforward_layernorm");
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, shape.Hidden, null);
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, shape.Hidden, null);
        _output = build.Layer(shape.Hidden);
    }

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _beforeAttention.Forward(x, context);
        var branch = _behindAttention.Forward(_attention.Forward(read, mask, angles, context), context);
        x = _afterAttention.Forward(branch, residual: x, input: read, context);
        read = _beforeFeedForward.Forward(x, context);
        branch = _behindFeedForward.Forward(_mlp.Forward(read, context), context);
        x = _afterFeedForward.Forward(branch, residual: x, input: read, context);
        return _output.Forward(x, context).MoveToOuterDisposeScope();
    }
}
