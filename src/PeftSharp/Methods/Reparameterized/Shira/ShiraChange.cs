using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Shira;

/// <summary>ΔW is zero but for a few numbers at places that stay (Bhardwaj et al. 2024, arXiv 2406.13175).</summary>
/// <param name="values">The numbers, [places].</param>
/// <param name="places">Their places in the weight, row-major, int64; belongs to this object.</param>
internal sealed class ShiraChange(AdapterTensor values, Tensor places) : WeightChange, IDisposable
{
    private Tensor _places = places;

    /// <summary>The numbers.</summary>
    public AdapterTensor Values => values;

    /// <summary>Their places in the weight, row-major, int64, as a file gave them.</summary>
    public Tensor Places
    {
        get => _places;
        set
        {
            var before = _places;
            _places = value.to(before.device, copy: true).DetachFromDisposeScope();
            before.Dispose();
        }
    }

    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var numbers = values.Get(context);
        return zeros(weight.Count, numbers.dtype, numbers.device).scatter(0, _places, numbers).view(weight.OutFeatures, weight.InFeatures);
    }

    public void Dispose() => _places.Dispose();
}
