using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers;

/// <summary>Clipping of gradients by their global norm.</summary>
internal static class Clipping
{
    /// <summary>Scales all gradients so that their norm together is at most <paramref name="maximum"/> (0: not at all).</summary>
    /// <returns>The norm before clipping.</returns>
    public static double ByNorm(IReadOnlyList<TrainableParameter> parameters, double maximum)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var gradients = parameters.Select(p => p.Value.grad).OfType<Tensor>().ToArray();
        if (gradients.Length == 0) return 0;
        // One value leaves libtorch, whatever the number of tensors.
        var norm = stack(gradients.Select(g => g.norm())).norm().to(ScalarType.Float64).item<double>();
        if (maximum > 0 && norm > maximum)
        {
            var factor = maximum / (norm + 1e-6);
            foreach (var gradient in gradients) gradient.Scale(factor);
        }
        return norm;
    }
}
