using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>A linear map of a layer as vectors that are no tokens pass through it: with its bias, and with what other plug-ins make of it.</summary>
/// <param name="site">The map.</param>
/// <param name="whole">The map that it is a part of; null where it owns its tensors.</param>
internal sealed class PromptMap(ProjectionSite site, ProjectionSite? whole)
{
    /// <summary>Finds the whole.</summary>
    public static PromptMap Of(ProjectionSite site, SiteMap map) =>
        new(site, site.Weight is PartSlot part ? map.Projections.First(p => p.Weight == part.Whole) : null);

    /// <summary>x: [1, length, in] → [1, length, out].</summary>
    public Tensor Apply(Tensor x, ForwardContext context)
    {
        // The vectors have no padding.
        context = context with { Padding = null };
        if (whole is null) return site.Forward(x, context);
        var first = ((PartSlot)site.Weight).First;
        if (site.ChangesInput(context) || site.ReadsProduct(context))
        {
            var own = site.Forward(x, context);
            return whole.Bias is null ? own : own.Plus(whole.Bias.Get(context).narrow(0, first, site.OutFeatures));
        }
        var slice = whole.Forward(x, context).narrow(-1, first, site.OutFeatures);
        return site.Plugins.AnyActive(context) ? site.Finish(x, slice, site.Weight.Get(context), null, context, active: true) : slice;
    }
}
