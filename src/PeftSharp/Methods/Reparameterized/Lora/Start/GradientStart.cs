using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>
/// Start values from the gradient of the weight (LoRA-GA, Wang et al. 2024, arXiv 2407.05000), so that the first step goes where full
/// fine-tuning would go.
/// </summary>
internal sealed class GradientStart(LoraGaOptions options, IReadOnlyList<AdaptedMap> maps, AdapterTag tag)
{
    /// <summary>Each map's factors A [rank, in] and B [out, rank], in the caller's dispose scope.</summary>
    /// <exception cref="PeftException">Nothing is labelled.</exception>
    public IReadOnlyList<(Tensor A, Tensor B)> Find(PreparationData data)
    {
        var gradients = Mean(data);
        return [.. maps.Zip(gradients, Factors)];
    }

    private (Tensor A, Tensor B) Factors(AdaptedMap map, Tensor gradient)
    {
        var r = map.Rank;
        var (u, _, vt) = Singular.Leading(gradient, 2 * r);
        var even = Arithmetic.Range(0, 2 * r, 2, gradient.device);
        var odd = Arithmetic.Range(1, 2 * r, 2, gradient.device);
        var (a, b) = options.Direction switch
        {
            "ArBr" => (vt.index_select(0, odd), u.index_select(1, even)),
            "A2rBr" => (vt.narrow(0, r, r), u.narrow(1, 0, r)),
            _ => (vt.narrow(0, 0, r), u.narrow(1, r, r)),
        };
        // Only the width of what the map yields counts.
        var size = options.Scale == "stable" ? Math.Pow(map.Site.OutFeatures, 0.25) / Math.Sqrt(options.StableGamma) : 1;
        return (a.Times(size), b.Times(size));
    }

    private List<Tensor> Mean(PreparationData data)
    {
        using var scope = NewDisposeScope();
        var leaves = maps.Select(m => m.Site.Weight.Base.Dense().detach().clone().requires_grad_(true)).ToList();
        var sums = leaves.ConvertAll(leaf => zeros_like(leaf));
        var weights = 0.0;
        var undo = maps.Zip(leaves, (map, leaf) => map.Site.Weight.Replace(tag, (_, _) => new DenseStore(leaf))).ToList();
        try
        {
            foreach (var example in data.Examples.Take(options.Examples))
            {
                data.Cancellation.ThrowIfCancellationRequested();
                if (example.Trunk is not null)
                    throw new PeftException(
                        "LORA: the start \"lora_ga\" needs every layer's gradients, which a cached trunk lacks; leave cache_trunk out.");
                weights += Add(data, example, leaves, sums);
            }
        }
        finally
        {
            foreach (var action in undo) action();
        }
        if (weights == 0)
            throw new PeftException(
                "LORA: the start \"lora_ga\" follows the gradient, and none of the examples is labelled; check the labels and "
                + "their column.");
        using var guard = no_grad();
        return sums.ConvertAll(sum => sum.Scale(1 / weights).MoveToOuterDisposeScope());
    }

    private static double Add(PreparationData data, TokenBatch example, List<Tensor> leaves, List<Tensor> sums)
    {
        using var scope = NewDisposeScope();
        var (mean, weight) = data.Loss(example);
        if (weight == 0) return 0;
        AutogradFailures.Backward(mean.Times(weight));
        using var guard = no_grad();
        foreach (var (leaf, sum) in leaves.Zip(sums))
        {
            if (leaf.grad is { } gradient) sum.Increase(gradient);
            leaf.grad = null;
        }
        return weight;
    }
}
