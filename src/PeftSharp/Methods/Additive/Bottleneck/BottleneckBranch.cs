using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>The tensors of one bottleneck.</summary>
internal sealed record BottleneckTensors(
    AdapterTensor Down, AdapterTensor DownBias, AdapterTensor Up, AdapterTensor UpBias,
    AdapterTensor? Scaling, Gate? Gate, Norm? Before, Norm? After);

/// <summary>A bottleneck at a residual branch: up(act(down(x))), sequential or parallel to the branch.</summary>
internal sealed class BottleneckBranch(BottleneckOptions options, BottleneckTensors tensors) : IBranchPlugin, ILowRankMap
{
    private readonly string _activation = options.NonLinearity.ToLowerInvariant();
    private readonly double? _fixed = options.FixedScaling;

    public bool EndsBranch => !options.OriginalNormAfter;

    // A scale per channel belongs to the upper factor's rows.
    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context)
    {
        if (tensors.Gate is not null) return null;
        var up = tensors.Up.Get(context);
        return (tensors.Scaling is { } scaling ? up * scaling.Get(context).unsqueeze(-1) : up, tensors.Down.Get(context), _fixed ?? 1);
    }

    public Tensor Transform(Tensor output, BranchState state, ForwardContext context)
    {
        if (options.IsParallel)
        {
            // What AdapterHub reads: the residual stream, which in pre-norm models is not what the branch read.
            var added = Compute(state.Residual, null, context);
            return output.Plus(added);
        }
        var (x, residual) = (output, output);
        if (options.OriginalNormBefore)
        {
            x = output.Plus(state.Residual);
            if (options.ResidualBeforeNorm == "post_add") residual = x;
            if (state.Norm is not null) x = state.Norm.Forward(x, context);
        }
        if (options.ResidualBeforeNorm == "false") residual = x;
        return Compute(x, residual, context);
    }

    // x: [rows, tokens, hidden]; the residual is left out where the branch's output is added instead.
    private Tensor Compute(Tensor x, Tensor? residual, ForwardContext context)
    {
        var normal = tensors.Before is null ? x : tensors.Before.Forward(x, context);
        var down = Activation.Apply(_activation, nn.functional.linear(normal, tensors.Down.Get(context), tensors.DownBias.Get(context)));
        var up = nn.functional.linear(down, tensors.Up.Get(context), tensors.UpBias.Get(context));
        if (tensors.Scaling is not null) up = up * tensors.Scaling.Get(context);
        else if (_fixed is { } factor && factor != 1) up = up.Times(factor);
        up = Dropout.Apply(up, options.Dropout, tensors.Up.Name, context);
        if (tensors.Gate is not null) up = up * tensors.Gate.Value(x, context);
        if (options.AdapterResidualBeforeNorm && residual is not null) up = up.Plus(residual);
        if (tensors.After is not null) up = tensors.After.Forward(up, context);
        return options.AdapterResidualBeforeNorm || residual is null ? up : up.Plus(residual);
    }
}
