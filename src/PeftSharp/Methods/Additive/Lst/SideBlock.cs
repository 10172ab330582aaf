using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>A block of the side network: attention, in a decoder behind an encoder a second one, and a feed-forward block.</summary>
/// <param name="self">The attention among the tokens.</param>
/// <param name="cross">The attention to the encoder's side network; null for none.</param>
/// <param name="norm">Scale of the norm before the feed-forward block, [side].</param>
/// <param name="widen">[inner, side].</param>
/// <param name="narrow">[side, inner].</param>
/// <param name="activation">What stands between them.</param>
internal sealed class SideBlock(
    SideAttention self, SideAttention? cross, AdapterTensor norm, AdapterTensor widen, AdapterTensor narrow, string activation)
{
    /// <summary>[rows, tokens, side] → the same.</summary>
    /// <param name="x">The input.</param>
    /// <param name="mask">Which tokens are seen.</param>
    /// <param name="source">What the encoder's side network yielded, [rows, source tokens, side].</param>
    /// <param name="sourceMask">Which of its tokens are seen.</param>
    /// <param name="context">The call.</param>
    public Tensor Forward(Tensor x, KeyMask mask, Tensor? source, KeyMask? sourceMask, ForwardContext context)
    {
        x = x.Plus(self.Forward(x, null, mask, context));
        if (cross is not null && source is not null) x = x.Plus(cross.Forward(x, source, sourceMask!, context));
        var inner = nn.functional.linear(SideNorm.Apply(x, norm, context), widen.Get(context));
        return x.Plus(nn.functional.linear(Activation.Apply(activation, inner), narrow.Get(context)));
    }
}
