using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Composition.Foreign;

/// <summary>What an adapter makes of a child's output, given what the child read and made.</summary>
internal static class ForeignCalls
{
    /// <summary>
    /// Runs a seam in a call of its own: what it shares and makes on the way is released, what comes out belongs to the caller's scope.
    /// </summary>
    public static Tensor Run(Tensor x, Tensor y, ForwardContext context, Func<Tensor, Tensor, ForwardContext, Tensor> seam)
    {
        using var scope = NewDisposeScope();
        var call = context.Begin(x.device, null);
        try
        {
            var changed = seam(x, y, call);
            return ReferenceEquals(changed, y) ? y : changed.MoveToOuterDisposeScope();
        }
        finally
        {
            call.Release();
        }
    }

    /// <summary>A linear map. Where its own tensors are read as they are, its product is not computed again.</summary>
    public static Tensor Linear(ProjectionSite site, Tensor x, Tensor y, ForwardContext context)
    {
        var active = site.Plugins.AnyActive(context);
        var plain = site.Weight.IsPlain(context) && site.Bias?.IsPlain(context) != false;
        if (!active && plain) return y;
        var rows = Flat(x);
        if (!plain || site.ChangesInput(context)) return site.Forward(rows, context).view(y.shape);
        var weight = site.Weight.Get(context);
        var product = Flat(y);
        if (!site.ReadsProduct(context) || site.Bias is null)
            return site.Finish(rows, product, weight, null, context, active).view(y.shape);
        return site.Finish(rows, weight.Linear(rows), weight, site.Bias.Get(context), context, active).view(y.shape);
    }

    /// <summary>An embedding table.</summary>
    public static Tensor Embedding(EmbeddingSite site, Tensor ids, Tensor y, ForwardContext context)
    {
        if (!site.Plugins.AnyActive(context) && site.Table.IsPlain(context)) return y;
        var rows = ids.dim() >= 2 ? ids.view(ids.shape[0], -1) : ids.view(1, -1);
        return site.Forward(rows, context).view(y.shape);
    }

    /// <summary>A norm.</summary>
    public static Tensor Norm(Norm norm, Tensor x, Tensor y, ForwardContext context) =>
        norm.Weight.IsPlain(context) && norm.Bias?.IsPlain(context) != false ? y : norm.Forward(Flat(x), context).view(y.shape);

    /// <summary>A branch whose output is changed; what it read stands for the residual, which only the network knows.</summary>
    public static Tensor Branch(BranchSite site, Tensor x, Tensor y, ForwardContext context)
    {
        if (!site.Plugins.AnyActive(context)) return y;
        if (y.shape[^1] != site.Width || x.dim() != y.dim())
        {
            throw new PeftException(
                $"\"{site.Path}\" yields [{string.Join(", ", y.shape)}] of [{string.Join(", ", x.shape)}]; a bottleneck sits behind a "
                + "child whose output "
                + $"is [rows, …, {site.Width}].");
        }
        var input = Flat(x);
        return site.Plugins.Pass(Flat(y), context, (share, own) =>
        {
            var read = Rows.Select(input, share.Rows);
            return share.Plugin.Transform(own, new BranchState(read, read, null), share.Context);
        }).view(y.shape);
    }

    // Adapters read [rows, tokens, width]; the rows of a batch are its first dimension.
    private static Tensor Flat(Tensor x) => x.dim() switch
    {
        1 => x.view(1, 1, -1),
        2 => x.unsqueeze(1),
        3 => x,
        _ => x.reshape(x.shape[0], -1, x.shape[^1]),
    };
}
