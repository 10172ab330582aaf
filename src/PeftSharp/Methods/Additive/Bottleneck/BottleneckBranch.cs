using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>A bottleneck at a residual branch: up(act(down(x))), sequential or parallel to the branch.</summary>
internal sealed class BottleneckBranch(BottleneckOptions options, BottleneckTensors tensors, Norm? norm) : IJoinableBranch,
    IFusibleBranch, ILowRankMap
{
    private readonly string _activation = options.NonLinearity;
    private readonly double? _fixed = options.FixedScaling;

    private BottleneckTensors Tensors => tensors;

    public bool EndsBranch => !options.OriginalNormAfter;

    // A scale per channel belongs to the upper factor's rows.
    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context)
    {
        if (tensors.Gate is not null) return null;
        var up = tensors.Up.Get(context);
        return (tensors.Scaling is { } scaling ? up * scaling.Get(context).unsqueeze(-1) : up, tensors.Down.Get(context), _fixed ?? 1);
    }

    // Norms and gates of one's own, and dropout, are computed adapter by adapter.
    public object? JoinKey(ForwardContext context)
    {
        if (tensors.Gate is not null || tensors.Before is not null || tensors.After is not null) return null;
        if (context.Training && (options.Dropout > 0 || options.StochasticDepth > 0)) return null;
        // Where an adapter trains the model's norm, its rows have one of their own.
        var plainNorm = norm is null || (norm.Weight.IsPlain(context) && norm.Bias?.IsPlain(context) != false);
        if (options.OriginalNormBefore && !plainNorm) return null;
        return (typeof(BottleneckBranch), Place, _activation, _fixed, options.Scaling == "channel");
    }

    private (bool Parallel, bool NormBefore, bool NormAfter, string Residual) Place =>
        (options.IsParallel, options.OriginalNormBefore, options.OriginalNormAfter, options.ResidualBeforeNorm);

    public Tensor Transform(Tensor output, BranchState state, ForwardContext context) =>
        Transform(output, state, context, (x, residual) => Compute(x, residual, context));

    public Tensor Transform(Tensor output, BranchState state, JoinedRows rows) =>
        Transform(output, state, rows.Unadapted, (x, residual) => Compute(x, residual, rows));

    // A parallel adapter's result is added to the branch's output, of which AdapterHub's fusion takes the residual stream besides, for a
    // second time.
    public FusionInput Enter(Tensor output, BranchState state, ForwardContext context)
    {
        if (options.IsParallel) return new(state.Residual, state.Residual, output);
        var (x, residual) = Read(output, state, context);
        return new(output, x, residual);
    }

    public Tensor Added(Tensor x, ForwardContext context) =>
        Scaled(Up(tensors.Before is null ? x : tensors.Before.Forward(x, context), context), context);

    private Tensor Transform(Tensor output, BranchState state, ForwardContext context, Func<Tensor, Tensor?, Tensor> compute)
    {
        // What AdapterHub reads: the residual stream, which in pre-norm models is not what the branch read.
        if (options.IsParallel) return output.Plus(compute(state.Residual, null));
        var (x, residual) = Read(output, state, context);
        return compute(x, residual);
    }

    private (Tensor X, Tensor Residual) Read(Tensor output, BranchState state, ForwardContext context)
    {
        var (x, residual) = (output, output);
        if (options.OriginalNormBefore)
        {
            x = output.Plus(state.Residual);
            if (options.ResidualBeforeNorm == "post_add") residual = x;
            if (state.Norm is not null) x = state.Norm.Forward(x, context);
        }
        return (x, options.ResidualBeforeNorm == "false" ? x : residual);
    }

    private Tensor Compute(Tensor x, Tensor? residual, JoinedRows rows)
    {
        Tensor Read(Func<BottleneckTensors, ITensorSource> choose, int dimension = 0) =>
            rows.Stack<BottleneckBranch>((plugin, call) => choose(plugin.Tensors).Get(call), dimension);
        var low = matmul(x, Read(t => t.Down).transpose(1, 2)).Plus(Read(t => t.DownBias).unsqueeze(1));
        var active = tensors.Slope is null
            ? Activation.Apply(_activation, low)
            : LearnedSlope.Apply(low, Read(t => t.Slope!).unsqueeze(1));
        var up = matmul(active, Read(t => t.Up, 1).transpose(1, 2)).Plus(Read(t => t.UpBias).unsqueeze(1));
        if (tensors.Scaling is not null) up = up * Read(t => t.Scaling!).unsqueeze(1);
        else if (_fixed is { } factor && factor != 1) up = up.Times(factor);
        return residual is null ? up : up.Plus(residual);
    }

    // x: [rows, tokens, hidden]; the residual is left out where the branch's output is added instead.
    private Tensor Compute(Tensor x, Tensor? residual, ForwardContext context)
    {
        var normal = tensors.Before is null ? x : tensors.Before.Forward(x, context);
        var up = Kept(Scaled(Up(normal, context), context), context);
        up = Dropout.Apply(up, options.Dropout, tensors.Up.Name, context);
        if (tensors.Gate is not null) up = up * tensors.Gate.Value(x, context);
        if (options.AdapterResidualBeforeNorm && residual is not null) up = up.Plus(residual);
        if (tensors.After is not null) up = tensors.After.Forward(up, context);
        return options.AdapterResidualBeforeNorm || residual is null ? up : up.Plus(residual);
    }

    // In training, whole rows go without the adapter now and then; the others get more of it.
    private Tensor Kept(Tensor up, ForwardContext context)
    {
        if (options.StochasticDepth == 0 || !context.Training || options.IsParallel) return up;
        return up * Dropout.Apply(
            ones([up.shape[0], 1, 1], up.dtype, up.device), options.StochasticDepth, $"{tensors.Up.Name}.depth", context);
    }

    private Tensor Up(Tensor x, ForwardContext context)
    {
        var low = nn.functional.linear(x, tensors.Down.Get(context), tensors.DownBias.Get(context));
        var active = tensors.Slope is null ? Activation.Apply(_activation, low) : LearnedSlope.Apply(low, tensors.Slope.Get(context));
        return nn.functional.linear(active, tensors.Up.Get(context), tensors.UpBias.Get(context));
    }

    private Tensor Scaled(Tensor up, ForwardContext context)
    {
        if (tensors.Scaling is not null) return up * tensors.Scaling.Get(context);
        return _fixed is { } factor && factor != 1 ? up.Times(factor) : up;
    }
}
