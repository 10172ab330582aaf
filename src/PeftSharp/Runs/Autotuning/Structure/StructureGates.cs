using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Autotuning.Structure;

/// <summary>
/// Gates between 0 and 1 at the modules of an adapter, under a budget of weights (S³Delta: Hu et al. 2022, arXiv 2206.07382). A module is
/// open with the probability pᵢ = σ(αᵢ − ζ), the shift ζ being such that Σ pᵢ·weightsᵢ is the budget (shifted global sigmoid); in training
/// a gate is drawn from the binary concrete distribution, zᵢ = σ(log u − log(1 − u) + log pᵢ − log(1 − pᵢ)), through which αᵢ gets a
/// gradient.
/// </summary>
internal sealed class StructureGates : IDisposable
{
    private const double Edge = 1e-6;

    private readonly IReadOnlyList<GatedPosition> _positions;
    private readonly List<Action> _undo = [];
    private readonly long _budget;
    private Tensor _gates;

    /// <summary>Puts gates, all open, at the modules; they are taken away when this is disposed.</summary>
    /// <param name="positions">The modules.</param>
    /// <param name="budget">Weights that open modules may train together.</param>
    /// <param name="tag">The adapter.</param>
    public StructureGates(IReadOnlyList<GatedPosition> positions, long budget, AdapterTag tag)
    {
        (_positions, _budget) = (positions, budget);
        Alphas = zeros(positions.Count).requires_grad_(true).DetachFromDisposeScope();
        _gates = ones(positions.Count).DetachFromDisposeScope();
        foreach (var (position, index) in positions.Select((p, i) => (p, i)))
            foreach (var tensor in position.Scaled)
                _undo.Add(tensor.Slot.Replace(tag, (value, _) => value * _gates.narrow(0, index, 1).to(value.dtype)));
    }

    /// <summary>α, [positions].</summary>
    public Tensor Alphas { get; }

    /// <summary>Sets the gates to numbers.</summary>
    public void Set(IEnumerable<double> gates)
    {
        using var next = tensor(gates.Select(g => (float)g).ToArray());
        Use(next);
    }

    /// <summary>Draws the gates of a step, the graph to α with them.</summary>
    public void Draw(SeededRandom random)
    {
        using var scope = NewDisposeScope();
        var noise = tensor(_positions.Select(_ => (float)Logit(Math.Clamp(random.NextDouble(), Edge, 1 - Edge))).ToArray());
        var open = Open();
        Use(open.log().Plus(open.Complement().log(), -1).Plus(noise).sigmoid());
    }

    /// <summary>The probabilities that modules are open.</summary>
    public double[] Probabilities()
    {
        var shift = Shift();
        return [.. Values().Select(alpha => Sigmoid(alpha - shift))];
    }

    /// <summary>The modules that are kept: the most probable ones first, each that the budget still has room for.</summary>
    public IReadOnlyList<int> Kept()
    {
        var (left, kept, probabilities) = (_budget, new List<int>(), Probabilities());
        foreach (var index in Enumerable.Range(0, _positions.Count).OrderByDescending(i => probabilities[i]).ThenBy(i => i))
        {
            if (_positions[index].Weights > left) continue;
            left -= _positions[index].Weights;
            kept.Add(index);
        }
        return [.. kept.Order()];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var undo in _undo) undo();
        Alphas.Dispose();
        _gates.Dispose();
    }

    // The shift follows α but gets no gradient; that of the probabilities' sum is taken out, so that α does not rise as a whole.
    private Tensor Open()
    {
        var open = Alphas.Plus(-Shift()).sigmoid().Times(1 - 2 * Edge).Plus(Edge);
        var sum = open.sum();
        return open / sum * sum.detach();
    }

    // By halving: the sum falls as the shift rises.
    private double Shift()
    {
        var alphas = Values();
        double Sum(double shift) => alphas.Select((alpha, i) => Sigmoid(alpha - shift) * _positions[i].Weights).Sum();
        var (low, high) = (alphas.Min() - 40.0, alphas.Max() + 40.0);
        for (var i = 0; i < 100; i++)
        {
            var middle = (low + high) / 2;
            if (Sum(middle) > _budget) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }

    private double[] Values() => [.. Alphas.detach().cpu().data<float>().ToArray().Select(a => (double)a)];

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Logit(double p) => Math.Log(p / (1 - p));

    private void Use(Tensor gates)
    {
        var before = _gates;
        _gates = gates.alias().DetachFromDisposeScope();
        before.Dispose();
    }
}
