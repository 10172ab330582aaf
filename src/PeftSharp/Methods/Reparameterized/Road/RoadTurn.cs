using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Road;

/// <summary>
/// Turns and scales pairs of a linear map's outputs, bias included (Liao and Monz 2024, arXiv 2409.00119): y ← c ∘ y + s ∘ (−y₂, y₁), y₁
/// and y₂ the halves of a group.
/// </summary>
/// <param name="angles">The angles.</param>
/// <param name="factors">The factors, as many.</param>
/// <param name="options">How they are shared.</param>
internal sealed class RoadTurn(AdapterTensor angles, AdapterTensor factors, RoadOptions options) : IProjectionOutput, IMergeableProjection
{
    public Tensor Output(Tensor y, ForwardContext context) => Turn(y, context);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => Turn(weight.t(), context).t();

    public Tensor? MergedBias(Tensor? bias, ForwardContext context) => bias is null ? null : Turn(bias, context);

    private Tensor Turn(Tensor y, ForwardContext context)
    {
        var (straight, across) = Columns(context);
        var halves = y.reshape(-1, 2, options.GroupSize / 2);
        var turned = stack([halves.select(1, 1).neg(), halves.select(1, 0)], 1).reshape(y.shape);
        return (y * straight).Plus(turned * across);
    }

    // What each output is multiplied by, and what its turned partner is, [out].
    private (Tensor Straight, Tensor Across) Columns(ForwardContext context)
    {
        var (theta, alpha) = (angles.Get(context), factors.Get(context));
        if (options.Variant == "road_4")
        {
            var (pairs, sizes) = (theta.view(-1, 2, options.GroupSize), alpha.view(-1, 2, options.GroupSize));
            return ((sizes.select(1, 0) * pairs.select(1, 0).cos()).flatten(), (sizes.select(1, 1) * pairs.select(1, 1).sin()).flatten());
        }
        if (options.Variant == "road_1") (theta, alpha) = (ForBoth(theta), ForBoth(alpha));
        return (alpha * theta.cos(), alpha * theta.sin());
    }

    private Tensor ForBoth(Tensor numbers) => numbers.view(-1, options.GroupSize / 2).repeat_interleave(2, 0).flatten();
}
