using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Layer norm over the last dimension, its scale and shift read through slots.</summary>
public sealed class Norm(TensorSlot weight, TensorSlot bias, double epsilon)
{
    private readonly long[] _shape = [weight.Base.shape[0]];

    /// <summary>Where the scale is read.</summary>
    public TensorSlot Weight { get; } = weight;

    /// <summary>Where the shift is read.</summary>
    public TensorSlot Bias { get; } = bias;

    /// <summary>The small number added to the variance.</summary>
    public double Epsilon { get; } = epsilon;

    /// <summary>Normalises <paramref name="x"/>, [rows, tokens, hidden].</summary>
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        Tensor weight = Weight.Get(context), bias = Bias.Get(context);
        if (weight.dim() == 1 && bias.dim() == 1) return nn.functional.layer_norm(x, _shape, weight, bias, Epsilon);
        var normal = nn.functional.layer_norm(x, _shape, null, null, Epsilon);
        return (normal * ProjectionSite.Spread(weight, x)).Plus(ProjectionSite.Spread(bias, x));
    }
}
