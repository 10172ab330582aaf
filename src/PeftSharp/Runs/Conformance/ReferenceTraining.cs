using System.Text.Json.Nodes;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Conformance;

/// <summary>The short training run of a reference case, with the optimizer that case.json describes.</summary>
internal sealed class ReferenceTraining
{
    private readonly double _rate, _clip;
    private readonly int _steps, _warmup;
    private readonly bool _linear;
    private readonly AdamW _optimizer;
    private readonly TrainableParameter[] _parameters;

    public ReferenceTraining(JsonObject optimizer, IReadOnlyDictionary<string, Tensor> trained)
    {
        double Number(string field, double fallback) => optimizer[field]?.GetValue<double>() ?? fallback;
        _rate = Number("lr", 1e-3);
        _clip = Number("max_grad_norm", 0);
        _steps = (int)Number("steps", 0);
        _warmup = (int)Number("warmup", 0);
        _linear = optimizer["schedule"]?.ToString() == "linear";
        var betas = (optimizer["betas"] as JsonArray)?.Select(b => b!.GetValue<double>()).ToArray() ?? [0.9, 0.999];
        var noDecay = (optimizer["no_decay"] as JsonArray)?.Select(n => n!.ToString()).ToArray() ?? [];
        _parameters =
        [
            .. trained.Select(t => new TrainableParameter(t.Key, t.Value, !noDecay.Any(n => t.Key.Contains(n, StringComparison.Ordinal)))),
        ];
        _optimizer = new AdamW(
            _parameters,
            betas[0], betas[1], Number("eps", 1e-8), Number("weight_decay", 0.01));
    }

    /// <summary>Norm of the gradient before clipping, per step.</summary>
    public List<double> Norms { get; } = [];

    /// <summary>Trains; yields the loss before each update.</summary>
    public double[] Run(Func<StepState, Tensor> loss, PeftMethod method)
    {
        var losses = new double[_steps];
        for (var step = 0; step < _steps; step++)
        {
            using var scope = NewDisposeScope();
            var rate = _rate * Factor(step);
            var state = new StepState(step, 0, _steps, (ulong)step, rate);
            var value = loss(state);
            losses[step] = value.to(ScalarType.Float64).item<double>();
            AutogradFailures.Backward(value);
            if (_clip > 0) Norms.Add(Clipping.ByNorm(_parameters, _clip));
            method.AfterBackward(state);
            method.BeforeStep(state);
            _optimizer.Step(rate);
            method.AfterStep(state);
            _optimizer.ZeroGrad();
        }
        return losses;
    }

    private double Factor(int step) => !_linear ? 1
        : step < _warmup ? (double)step / Math.Max(1, _warmup)
        : Math.Max(0, (double)(_steps - step) / Math.Max(1, _steps - _warmup));
}
