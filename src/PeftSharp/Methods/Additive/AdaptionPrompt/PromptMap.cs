using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>
/// A linear map of a layer as vectors pass through it beside the layer: with its bias, and with what other plug-ins make of it.
/// </summary>
/// <param name="site">The map.</param>
/// <param name="whole">The map that it is a part of; null where it owns its tensors.</param>
internal sealed class PromptMap(ProjectionSite site, ProjectionSite? whole)
{
    /// <summary>Finds the whole.</summary>
    public static PromptMap Of(ProjectionSite site, SiteMap map) =>
        new(site, site.Weight is PartSlot part ? map.Projections.First(p => p.Weight == part.Whole) : null);

    /// <summary>x: [rows, length, in] → [rows, heads, length, headDim].</summary>
    public Tensor Heads(Tensor x, int heads, ForwardContext context)
    {
        var y = Apply(x, context);
        return y.view(y.shape[0], y.shape[1], heads, -1).transpose(1, 2);
    }

    private Tensor Apply(Tensor x, ForwardContext context)
    {
        if (whole is null) return site.Forward(x, context);
        var rows = ((PartSlot)site.Weight).Rows;
        if (whole.Plugins.AnyActive(context))
        {
            var slice = rows.Of(whole.Forward(x, context), -1);
            return site.Plugins.AnyActive(context) ? site.Finish(x, slice, site.Weight.Get(context), null, context, active: true) : slice;
        }
        var (weight, bias) = (site.Weight.Get(context), whole.Bias is { } all ? rows.Of(all.Get(context), -1) : null);
        var input = site.ApplyInputs(x, context);
        return site.Finish(input, weight.Linear(input), weight, bias, context, site.Plugins.AnyActive(context));
    }
}
