using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Shira;

/// <summary>ΔW is zero but for a few numbers at places that stay (Bhardwaj et al. 2024, arXiv 2406.13175).</summary>
/// <param name="site">The map.</param>
/// <param name="values">The numbers, [places].</param>
/// <param name="places">Their places in the weight, row-major, ascending, int64; belongs to this object.</param>
/// <remarks>
/// The matrix is made for its product and again in the backward pass, not kept between them, and only the gradients of the numbers are
/// computed.
/// </remarks>
internal sealed class ShiraChange(ProjectionSite site, AdapterTensor values, Tensor places) : WeightChange, IDisposable
{
    // A matrix of zeros, of which memory holds one; the backward pass reads it too.
    private readonly DenseStore _zeros = Zeros(site, values.Value);
    private Tensor _places = places;

    /// <summary>The numbers.</summary>
    public AdapterTensor Values => values;

    /// <summary>Their places in the weight, row-major, ascending, int64.</summary>
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

    public override Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) => Matrix(context).Linear(x);

    protected override Tensor Change(WeightStore weight, ForwardContext context) => Matrix(context).Dense();

    private PatchedStore Matrix(ForwardContext context) => new(_zeros, _places, values.Get(context));

    private static DenseStore Zeros(ProjectionSite site, Tensor like)
    {
        using var scope = NewDisposeScope();
        return new(zeros([1, 1], like.dtype, like.device).expand(site.OutFeatures, site.InFeatures).DetachFromDisposeScope());
    }

    public void Dispose()
    {
        _places.Dispose();
        _zeros.Dispose();
    }
}
