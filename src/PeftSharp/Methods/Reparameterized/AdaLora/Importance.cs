using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>
/// How much the loss depends on each weight, smoothed over the steps: Ī ← β₁·Ī + (1 − β₁)·|w·∂L/∂w|, Ū ← β₂·Ū + (1 − β₂)·|I − Ī|;
/// a weight's score is Ī·Ū (Zhang et al. 2023, eqs. 8 to 10).
/// </summary>
internal sealed class Importance(double beta1, double beta2) : IDisposable
{
    private readonly Dictionary<AdapterTensor, (Tensor Mean, Tensor Spread)> _weights = [];

    /// <summary>True before the first step.</summary>
    public bool IsEmpty => _weights.Count == 0;

    /// <summary>The running values by name; empty before the first step.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _weights
        .SelectMany(w => new[] { ($"importance.{w.Key.Name}", w.Value.Mean), ($"uncertainty.{w.Key.Name}", w.Value.Spread) })
        .ToDictionary();

    /// <summary>Begins with zeros.</summary>
    public void Begin(IEnumerable<AdapterTensor> tensors)
    {
        foreach (var tensor in tensors) _weights[tensor] = (Zeros(tensor), Zeros(tensor));
    }

    private static Tensor Zeros(AdapterTensor like) => zeros_like(like.Value).detach().DetachFromDisposeScope();

    /// <summary>Takes this step's gradients in.</summary>
    public void Update()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (tensor, (mean, spread)) in _weights)
        {
            var now = tensor.Value.grad is { } gradient ? (tensor.Value * gradient).abs() : zeros_like(tensor.Value);
            mean.Scale(beta1).Increase(now, 1 - beta1);
            spread.Scale(beta2).Increase(now.Plus(mean, -1).abs(), 1 - beta2);
        }
    }

    /// <summary>The scores of a map's ranks, [rank]: of its number in E, plus the means over its row of A and its column of B.</summary>
    public Tensor Scores(Triplet map)
    {
        Tensor Of(AdapterTensor tensor) => _weights[tensor].Mean * _weights[tensor].Spread;
        return Of(map.E).squeeze(1).Plus(Of(map.A).mean([1]).Plus(Of(map.B).mean([0])));
    }

    /// <summary>Forgets everything.</summary>
    public void Dispose()
    {
        foreach (var (mean, spread) in _weights.Values)
        {
            mean.Dispose();
            spread.Dispose();
        }
        _weights.Clear();
    }
}
