using PeftSharp.Interop;
using PeftSharp.Training.Optimizers.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101): all tensors in one native call. Weight decay acts on parameters that ask for it.
/// </summary>
internal sealed class AdamW : IOptimizer
{
    private const string First = "/exp_avg", Second = "/exp_avg_sq";

    // Of paged state: 32 MB, and as much that is on its way.
    private const long NumbersAtOnce = 1 << 22;

    private readonly TrainableParameter[] _parameters;
    private readonly IStateMemory _memory;
    private readonly Tensor[] _first, _second, _steps;
    private readonly double _beta1, _beta2, _epsilon, _decay;
    // One native call each.
    private readonly IGrouping<(bool Decay, double RateFactor), int>[] _groups;

    /// <summary>Creates the optimizer; its state starts at zero.</summary>
    /// <param name="parameters">float32 leaves, contiguous.</param>
    /// <param name="beta1">Decay of the mean of gradients; 0 ≤ β &lt; 1; default 0.9.</param>
    /// <param name="beta2">Decay of the mean of squared gradients; default 0.999.</param>
    /// <param name="epsilon">Added to the root; default 1e-8.</param>
    /// <param name="weightDecay">Decoupled weight decay; default 0.</param>
    /// <param name="memory">Where the state is kept, taken over; default: the machine's memory.</param>
    /// <exception cref="PeftException">There is no room for the state.</exception>
    public AdamW(
        IReadOnlyList<TrainableParameter> parameters, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8,
        double weightDecay = 0, IStateMemory? memory = null)
    {
        _parameters = [.. parameters];
        (_beta1, _beta2, _epsilon, _decay) = (beta1, beta2, epsilon, weightDecay);
        _groups = [.. Enumerable.Range(0, _parameters.Length).GroupBy(i => (_parameters[i].Decay, _parameters[i].RateFactor))];
        using var scope = NewDisposeScope();
        _memory = memory ?? new WorkingMemory();
        var tensors = _memory.Allocate([.. _parameters.SelectMany(p => new[] { Place(p, First), Place(p, Second) })]);
        (_first, _second) = ([.. _parameters.Select(p => tensors[p.Name + First])], [.. _parameters.Select(p => tensors[p.Name + Second])]);
        _steps = [.. _parameters.Select(p => zeros([], dtype: ScalarType.Float32, device: p.Value.device).DetachFromDisposeScope())];
        State = tensors.Concat(_parameters.Zip(_steps, (p, step) => KeyValuePair.Create($"{p.Name}/step", step))).ToDictionary();
    }

    private static StatePlace Place(TrainableParameter p, string what) => new(p.Name + what, p.Value.shape, p.Value.dtype, p.Value.device);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State { get; }

    /// <inheritdoc/>
    public void Step(double learningRate)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var group in _groups)
        {
            int[] chosen = [.. group.Where(i => _parameters[i].Value.grad is not null)];
            var settings = new AdamWSettings(
                learningRate * group.Key.RateFactor, _beta1, _beta2, _epsilon, group.Key.Decay ? _decay : 0);
            // The state of the next tensors comes from the disk while these are updated.
            int[][] parts = _memory.IsPaged ? [.. Parts(chosen)] : [chosen];
            for (var part = 0; part < parts.Length; part++)
            {
                if (part + 1 < parts.Length) _memory.Expect([.. parts[part + 1].SelectMany(i => new[] { _first[i], _second[i] })]);
                Update(parts[part], settings);
            }
        }
    }

    private void Update(int[] chosen, AdamWSettings settings)
    {
        foreach (var i in chosen) _steps[i].Increase(1);
        FusedAdamW.Step(
            [.. chosen.Select(i => _parameters[i].Value)], [.. chosen.Select(i => _parameters[i].Value.grad!.contiguous())],
            [.. chosen.Select(i => _first[i])], [.. chosen.Select(i => _second[i])], [.. chosen.Select(i => _steps[i])], settings);
    }

    // Tensors in their order, by stretches of so many numbers; a larger tensor is one of its own.
    private IEnumerable<int[]> Parts(int[] chosen)
    {
        var part = new List<int>();
        var numbers = 0L;
        foreach (var i in chosen)
        {
            var own = _parameters[i].Value.numel();
            if (part.Count > 0 && numbers + own > NumbersAtOnce)
            {
                yield return [.. part];
                part.Clear();
                numbers = 0;
            }
            part.Add(i);
            numbers += own;
        }
        if (part.Count > 0) yield return [.. part];
    }

    /// <inheritdoc/>
    public void ZeroGrad()
    {
        foreach (var parameter in _parameters) parameter.Value.grad = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var step in _steps) step.Dispose();
        _memory.Dispose();
    }
}
