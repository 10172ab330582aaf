using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers;

/// <summary>Stochastic gradient descent, with momentum as PyTorch defines it: v ← μ·v + g; θ ← θ − rate · v.</summary>
internal sealed class Sgd : IOptimizer
{
    private readonly TrainableParameter[] _parameters;
    private readonly double _momentum, _decay;
    private readonly Dictionary<string, Tensor> _state = [];

    /// <summary>Creates the optimizer.</summary>
    /// <param name="parameters">The leaves to update.</param>
    /// <param name="momentum">μ, 0 ≤ μ &lt; 1; default 0.</param>
    /// <param name="weightDecay">Added to the gradient as decay · θ, of parameters that ask for it; default 0.</param>
    public Sgd(IReadOnlyList<TrainableParameter> parameters, double momentum = 0, double weightDecay = 0)
    {
        (_parameters, _momentum, _decay) = ([.. parameters], momentum, weightDecay);
        using var scope = NewDisposeScope();
        if (momentum > 0)
            foreach (var p in _parameters)
                _state[$"{p.Name}/momentum"] = zeros(p.Value.shape, dtype: p.Value.dtype, device: p.Value.device).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <inheritdoc/>
    public void Step(double learningRate)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var p in _parameters)
        {
            if (p.Value.grad is not { } gradient) continue;
            if (p.Decay && _decay > 0) gradient = gradient.Plus(p.Value, _decay);
            if (_momentum > 0) gradient = _state[$"{p.Name}/momentum"].Scale(_momentum).Increase(gradient);
            p.Value.Increase(gradient, -learningRate * p.RateFactor);
        }
    }

    /// <inheritdoc/>
    public void ZeroGrad()
    {
        foreach (var p in _parameters) p.Value.grad = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _state.Values) tensor.Dispose();
    }
}
