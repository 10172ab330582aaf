using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.SparseAdapter;

/// <summary>What entries matter to the loss of training data, before the first step.</summary>
/// <param name="tensors">The tensors whose entries are judged.</param>
/// <param name="data">The data.</param>
/// <param name="most">Examples to look at.</param>
internal sealed class Saliency(IReadOnlyList<AdapterTensor> tensors, PreparationData data, int most)
{
    // How far GraSP looks along the gradient, relative to the length of the weights.
    private const double Reach = 1e-2;

    /// <summary>SNIP (Lee et al. 2019, arXiv 1810.02340): |w · ∂L/∂w|.</summary>
    public IReadOnlyList<Tensor> Snip() => [.. Gradients().Zip(tensors, (g, t) => (g * t.Value.detach()).abs())];

    /// <summary>
    /// GraSP (Wang et al. 2020, arXiv 2002.07376): w · (H·g), large where the gradient's length falls if the weight goes. H·g is the
    /// difference of the gradients at both sides of w along g.
    /// </summary>
    public IReadOnlyList<Tensor> Grasp()
    {
        var gradients = Gradients();
        var (length, size) = (Norm(gradients), Norm([.. tensors.Select(t => t.Value.detach())]));
        if (length == 0) return gradients;
        var step = Reach * Math.Max(size, 1e-3) / length;
        var starts = tensors.Select(t => t.Value.detach().clone()).ToList();
        try
        {
            Move(starts, gradients, step);
            var after = Gradients();
            Move(starts, gradients, -step);
            var before = Gradients();
            return [.. starts.Select((w, i) => w * after[i].Plus(before[i], -1).Times(1 / (2 * step)))];
        }
        finally
        {
            Move(starts, gradients, 0);
        }
    }

    private void Move(IReadOnlyList<Tensor> starts, IReadOnlyList<Tensor> directions, double step)
    {
        using var guard = no_grad();
        for (var i = 0; i < tensors.Count; i++)
        {
            using var moved = starts[i].Plus(directions[i], step);
            tensors[i].Value.copy_(moved);
        }
    }

    // The gradient of the examples' mean loss, or zeros where it does not reach.
    private List<Tensor> Gradients()
    {
        Clear();
        var count = 0;
        foreach (var example in data.Examples.Take(most))
        {
            data.Cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            AutogradFailures.Backward(data.Loss(example).Mean);
            count++;
        }
        var means =
            tensors.Select(t => t.Value.grad is { } g ? g.detach().Times(1.0 / Math.Max(1, count)) : zeros_like(t.Value).detach()).ToList();
        Clear();
        return means;
    }

    private void Clear()
    {
        foreach (var tensor in tensors) tensor.Value.grad = null;
    }

    private static double Norm(IReadOnlyList<Tensor> all) =>
        Math.Sqrt(all.Sum(t => t.Squared().sum().to(ScalarType.Float64).item<double>()));
}
