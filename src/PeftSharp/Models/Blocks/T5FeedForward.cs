using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>T5's feed-forward block with the norm before it and the residual after it, gated (1.1) or plain.</summary>
internal sealed class T5FeedForward
{
    private readonly T5Config _shape;
    private readonly Norm _norm;
    private readonly ProjectionSite _first, _output;
    private readonly ProjectionSite? _second;
    private readonly BranchSite _after;

    public T5FeedForward(SiteBuilder build, T5Config shape)
    {
        _shape = shape;
        var dense = build.In("DenseReluDense");
        ProjectionSite Wide(string name, ProjectionRole role) =>
            dense.Projection(name, role, shape.Intermediate, shape.Hidden, hasBias: false);
        _first = shape.Gated ? Wide("wi_0", ProjectionRole.Gate) : Wide("wi", ProjectionRole.Intermediate);
        _second = shape.Gated ? Wide("wi_1", ProjectionRole.Intermediate) : null;
        _output = dense.Projection("wo", ProjectionRole.FeedForwardOutput, shape.Hidden, shape.Intermediate, hasBias: false);
        _norm = build.Norm("layer_norm", shape.Hidden, shape.Epsilon, NormKind.Rms);
        _after = build.Branch("output_adapters", BranchKind.FeedForward, shape.Hidden, null);
    }

    /// <summary>[rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _norm.Forward(x, context);
        var wide = Activation.Apply(_shape.Activation, _first.Forward(read, context));
        if (_second is not null) wide = wide * _second.Forward(read, context);
        var narrow = _output.Forward(Dropout.Base(wide, _shape.Dropout, _output.Path, context), context);
        narrow = Dropout.Base(narrow, _shape.Dropout, _after.Path, context);
        return _after.Forward(narrow, residual: x, input: read, context).MoveToOuterDisposeScope();
    }
}
