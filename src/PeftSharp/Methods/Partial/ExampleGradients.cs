using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial;

/// <summary>
/// What the gradients of single examples say of a model's weights: the diagonal of the Fisher information (Sung et al. 2021, arXiv
/// 2111.09839, equations 2 and 3), or their mean.
/// </summary>
/// <remarks>
/// Every example goes through the model alone and as long as it is, so that neither batch size nor padding matters. One sum for each weight
/// is kept; layers are computed again in the backward pass, and the gradient of a tensor is added as soon as that pass has it, and let go.
/// That of an embedding table comes by the rows that the example looks up.
/// </remarks>
internal sealed class ExampleGradients(string method, IReadOnlyList<Slot> slots, AdapterTag tag)
{
    private readonly Dictionary<Slot, Tensor> _sums = [];

    // Parts of the forward pass under way that read a tensor, and the sum of the gradients that come from several parts: each computes its
    // layers again, and has a backward pass of its own.
    private readonly Dictionary<Slot, int> _parts = [];
    private readonly Dictionary<Slot, Tensor> _partial = [];
    private bool _goesBack;

    // Tables whose gradient comes by rows.
    private readonly Dictionary<Slot, LookedUpRows> _rows = [];

    // Adds a tensor's gradient to its sum.
    private Action<Slot, Tensor> _add = (_, _) => { };

    /// <summary>The mean of squared gradients over examples, for each slot in its shape; belongs to the caller's dispose scope.</summary>
    /// <param name="data">The examples.</param>
    /// <param name="most">How many of them at most.</param>
    /// <param name="expected">
    /// False for the squared gradient of log p(label); true for its expectation over the labels that the model itself would give.
    /// </param>
    /// <exception cref="PeftException">Nothing is labelled, or the answer is no class where an expectation is asked for.</exception>
    public (IReadOnlyList<Tensor> Scores, int Examples) Fisher(PreparationData data, int most, bool expected)
    {
        if (expected && !data.IsClassification)
            throw new PeftException($"{method}: \"expected\" is true, but the task gives no single class for an example; set it to false.");
        data = data.WithRecomputedLayers;
        var (scores, seen, _) = Sum(data, most, expected ? ExpectedOf : example => LabelledOf(data, example, Squares(1)));
        foreach (var score in scores) score.Scale(1.0 / seen);
        return (scores, seen);

        double ExpectedOf(TokenBatch example)
        {
            var classes = 1L;
            for (var c = 0L; c < classes; c++)
            {
                using var scope = NewDisposeScope();
                var logits = data.Logits(example).to(ScalarType.Float64).flatten();
                classes = logits.shape[0];
                var score = logits.log_softmax(0)[c];
                Backward(score, Squares(Math.Exp(score.item<double>())));
            }
            return 1;
        }
    }

    /// <summary>
    /// The gradient of the examples' loss together, for each slot in its shape: the mean over all that is labelled, as a step takes it.
    /// Belongs to the caller's dispose scope.
    /// </summary>
    /// <param name="data">The examples.</param>
    /// <param name="most">How many of them at most.</param>
    /// <exception cref="PeftException">Nothing is labelled.</exception>
    public (IReadOnlyList<Tensor> Gradients, int Examples) Mean(PreparationData data, int most)
    {
        data = data.WithRecomputedLayers;
        var (sums, seen, weight) = Sum(data, most, example => LabelledOf(data, example, (sum, gradient) => sum.Increase(gradient)));
        foreach (var sum in sums) sum.Scale(1 / weight);
        return (sums, seen);
    }

    private static Action<Tensor, Tensor> Squares(double factor) => (sum, gradient) => sum.IncreaseByProduct(gradient, gradient, factor);

    // What each example adds to the sums; an example of no weight has added nothing.
    private (IReadOnlyList<Tensor> Sums, int Examples, double Weight) Sum(
        PreparationData data, int most, Func<TokenBatch, double> weightOf)
    {
        using var pages = NativeHeap.ReturnAtOnce();
        using var scope = NewDisposeScope();
        foreach (var slot in slots) _sums[slot] = zeros(slot.Value.shape, SumType(slot.Value), slot.Value.device);
        var (seen, weight) = (0, 0.0);
        List<Action> undo = [.. slots.SelectMany(Watch)];
        try
        {
            foreach (var example in data.Examples.Take(most))
            {
                data.Cancellation.ThrowIfCancellationRequested();
                if (example.Trunk is not null)
                    throw new PeftException($"{method} needs every layer's gradients, which a cached trunk lacks; leave cache_trunk out.");
                var counts = weightOf(example);
                weight += counts;
                if (counts > 0) seen++;
            }
        }
        finally
        {
            foreach (var action in undo) action();
            Forget();
        }
        if (seen == 0)
            throw new PeftException(
                $"{method}: none of the examples is labelled, so there is nothing to choose weights by; "
                + "check the labels and the column that they come from.");
        return ([.. slots.Select(slot => _sums[slot].MoveToOuterDisposeScope())], seen, weight);
    }

    private static ScalarType SumType(Tensor value) => value.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    private double LabelledOf(PreparationData data, TokenBatch example, Action<Tensor, Tensor> add)
    {
        using var scope = NewDisposeScope();
        var (mean, weight) = data.Loss(example);
        if (weight > 0) Backward(mean.Times(weight), add);
        Forget();
        return weight;
    }

    private void Backward(Tensor score, Action<Tensor, Tensor> add)
    {
        _add = (slot, gradient) => add(_sums[slot], gradient.to(_sums[slot].dtype));
        _goesBack = true;
        AutogradFailures.Backward(score);
        foreach (var (slot, gradient) in _partial) _add(slot, gradient);
        foreach (var (slot, rows) in _rows)
            rows.Take((at, gradients) =>
            {
                using var sum = _sums[slot].index_select(0, at);
                add(sum, gradients.to(sum.dtype));
                _sums[slot].index_copy_(0, at, sum);
            });
        Forget();
    }

    // A table that is looked up and read nowhere else has few rows with a gradient in a call.
    private IEnumerable<Action> Watch(Slot slot)
    {
        var sites = slot.Map?.Embeddings.Where(site => site.Table == slot).ToList() ?? [];
        if (sites.Count == 0 || slot.Map!.Projections.Exists(p => p.Weight is TiedSlot))
        {
            var key = new object();
            return [slot.ReplaceTensor(tag, (value, context) => Tapped(slot, key, value, context))];
        }
        var rows = _rows[slot] = new();
        return sites.Select(site => site.Plugins.Add(tag, rows));
    }

    // A tensor that is read twice in a part of a call has one gradient there. The forward closes scopes of its own, which must not take it
    // along.
    private Tensor Tapped(Slot slot, object key, Tensor value, ForwardContext context) => context.Once(key, () =>
    {
        if (!_goesBack) _parts[slot] = _parts.GetValueOrDefault(slot) + 1;
        return is_grad_enabled() ? GradientTap.Of(value, gradient => Take(slot, gradient)) : value.alias();
    }).alias();

    // A square is of the whole gradient.
    private void Take(Slot slot, Tensor gradient)
    {
        if (_parts[slot] == 1) _add(slot, gradient);
        else if (_partial.TryGetValue(slot, out var sum)) sum.Increase(gradient);
        else _partial[slot] = gradient.clone().DetachFromDisposeScope();
    }

    private void Forget()
    {
        foreach (var sum in _partial.Values) sum.Dispose();
        foreach (var rows in _rows.Values) rows.Dispose();
        _partial.Clear();
        _parts.Clear();
        _goesBack = false;
    }
}
