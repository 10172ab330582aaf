using PeftSharp.Models;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Making;

/// <summary>What is lost where merged weights are quantised.</summary>
/// <param name="Weights">Weights that were merged and are quantised.</param>
/// <param name="UpdateError">‖round(W + ΔW) − (W + ΔW)‖ / ‖ΔW‖ over all of them: above 1, more is rounded than was learned.</param>
/// <param name="OutputError">‖round(W + ΔW) − (W + ΔW)‖ / ‖W + ΔW‖: the relative error of outputs for inputs of no preferred
/// direction.</param>
public sealed record Requantization(long Weights, double UpdateError, double OutputError)
{
    /// <summary>Measures it for a model with an adapter merged into it; null where none of its layers' weights is merged.</summary>
    /// <param name="model">The model.</param>
    /// <param name="form">How the weights are quantised.</param>
    public static Requantization? Of(TransformerModel model, Quantization form)
    {
        using var guard = no_grad();
        var plain = new ForwardContext();
        var (weights, error, update, size) = (0L, 0.0, 0.0, 0.0);
        foreach (var slot in DenseMaps.Others(model).OfType<WeightSlot>().Where(slot => slot.IsMerged))
        {
            using var scope = NewDisposeScope();
            var merged = slot.Get(plain).Dense();
            using var store = form.Quantize(merged);
            error += Math.Pow(Norm(store.Dense() - merged), 2);
            update += Math.Pow(Norm(merged - slot.Base.Dense()), 2);
            size += Math.Pow(Norm(merged), 2);
            weights += slot.Count;
        }
        return weights == 0 ? null : new(weights, Math.Sqrt(error / update), Math.Sqrt(error / size));
    }

    private static double Norm(Tensor x) => x.to(ScalarType.Float64).norm().item<double>();
}
