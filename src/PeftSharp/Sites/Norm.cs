using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A norm over the last dimension, its scale and shift read through slots.</summary>
/// <param name="kind">How it normalises.</param>
/// <param name="weight">Where the scale is read, [width].</param>
/// <param name="bias">Where the shift is read, [width]; null for none.</param>
/// <param name="epsilon">The small number added to the variance, or to the mean of squares.</param>
public sealed class Norm(NormKind kind, TensorSlot weight, TensorSlot? bias, double epsilon)
{
    private readonly long[] _shape = [weight.Base.shape[0]];
    private readonly RootMeanSquareNorm _fused = new(epsilon, kind == NormKind.RmsOnePlus ? 1 : 0);

    /// <summary>How it normalises.</summary>
    public NormKind Kind { get; } = kind;

    /// <summary>Where the scale is read.</summary>
    public TensorSlot Weight { get; } = weight;

    /// <summary>Where the shift is read; null for none.</summary>
    public TensorSlot? Bias { get; } = bias;

    /// <summary>The small number added to the variance.</summary>
    public double Epsilon { get; } = epsilon;

    /// <summary>Normalises <paramref name="x"/>, [rows, tokens, width].</summary>
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var weight = Weight.Get(context);
        var bias = Bias?.Get(context);
        var sameForRows = weight.dim() == 1 && (bias is null || bias.dim() == 1);
        if (Kind == NormKind.Layer && sameForRows) return nn.functional.layer_norm(x, _shape, weight, bias, Epsilon);
        if (sameForRows && bias is null && FusedOperation.Fits(x) && FusedOperation.Fits(weight)) return _fused.Of(x, weight);
        var normal = Kind == NormKind.Layer ? nn.functional.layer_norm(x, _shape, null, null, Epsilon) : RootMeanSquare(x);
        if (Kind == NormKind.RmsOnePlus) weight = weight.Plus(1L);
        var scaled = normal * ProjectionSite.Spread(weight, x);
        return bias is null ? scaled : scaled.Plus(ProjectionSite.Spread(bias, x));
    }

    /// <summary>Normalises one row by the root of its mean of squares; <paramref name="y"/> may be <paramref name="x"/> itself.</summary>
    /// <param name="x">[width].</param>
    /// <param name="weight">What the slot of the scale yields, [width].</param>
    /// <param name="y">[width].</param>
    internal unsafe void Normalise(float* x, float* weight, float* y) => _fused.Normalise(x, weight, y, (int)_shape[0]);

    private Tensor RootMeanSquare(Tensor x) => x * x.Squared().mean([-1], keepdim: true).Plus(Epsilon).rsqrt();
}
