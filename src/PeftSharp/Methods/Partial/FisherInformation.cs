using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial;

/// <summary>The diagonal of the Fisher information of a model's weights (Sung et al. 2021, arXiv 2111.09839, equations 2 and 3).</summary>
/// <remarks>
/// Every example goes through the model alone and as long as it is, so that neither batch size nor padding matters. One sum for each weight
/// is kept, and one example's gradient.
/// </remarks>
internal sealed class FisherInformation(string method, IReadOnlyList<Slot> slots, AdapterTag tag)
{
    private readonly Dictionary<Slot, Tensor> _read = [], _sums = [];

    /// <summary>The mean over examples, for each slot in its shape; belongs to the caller's dispose scope.</summary>
    /// <param name="data">The examples.</param>
    /// <param name="most">How many of them at most.</param>
    /// <param name="expected">
    /// False for the squared gradient of log p(label); true for its expectation over the labels that the model itself would give.
    /// </param>
    /// <exception cref="PeftException">Nothing is labelled, or the answer is no class where an expectation is asked for.</exception>
    public (IReadOnlyList<Tensor> Scores, int Examples) Mean(PreparationData data, int most, bool expected)
    {
        if (expected && !data.IsClassification)
            throw new PeftException($"{method}: \"expected\" is true, but the task gives no single class for an example; set it to false.");
        using var scope = NewDisposeScope();
        foreach (var slot in slots) _sums[slot] = zeros(slot.Value.shape, SumType(slot.Value), slot.Value.device);
        var seen = 0;
        List<Action> undo = [.. slots.Select(slot => slot.ReplaceTensor(tag, (value, _) => Leaf(slot, value)))];
        try
        {
            foreach (var example in data.Examples.Take(most))
            {
                data.Cancellation.ThrowIfCancellationRequested();
                if (example.Trunk is not null)
                    throw new PeftException($"{method} needs every layer's gradients, which a cached trunk lacks; leave cache_trunk out.");
                if (expected) AddExpected(data, example);
                else if (!AddEmpirical(data, example)) continue;
                seen++;
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
        foreach (var sum in _sums.Values) sum.Scale(1.0 / seen);
        return ([.. slots.Select(slot => _sums[slot].MoveToOuterDisposeScope())], seen);
    }

    private static ScalarType SumType(Tensor value) => value.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    // A tensor that is read twice in a call has one gradient. The forward closes scopes of its own, which must not take it along.
    private Tensor Leaf(Slot slot, Tensor value)
    {
        if (!_read.TryGetValue(slot, out var leaf))
        {
            leaf = value.detach().to(SumType(value)).requires_grad_(true).DetachFromDisposeScope();
            _read.Add(slot, leaf);
        }
        return leaf.to(value.dtype);
    }

    private bool AddEmpirical(PreparationData data, TokenBatch example)
    {
        using var scope = NewDisposeScope();
        var (mean, weight) = data.Loss(example);
        if (weight == 0)
        {
            Forget();
            return false;
        }
        Add(mean.Times(weight), 1);
        return true;
    }

    private void AddExpected(PreparationData data, TokenBatch example)
    {
        var classes = 1L;
        for (var c = 0L; c < classes; c++)
        {
            using var scope = NewDisposeScope();
            var logits = data.Logits(example).to(ScalarType.Float64).flatten();
            classes = logits.shape[0];
            var score = logits.log_softmax(0)[c];
            Add(score, Math.Exp(score.item<double>()));
        }
    }

    private void Add(Tensor score, double weight)
    {
        AutogradFailures.Backward(score);
        using var guard = no_grad();
        foreach (var (slot, leaf) in _read)
            if (leaf.grad is { } gradient) _sums[slot].Increase(gradient.Squared(), weight);
        Forget();
    }

    private void Forget()
    {
        foreach (var leaf in _read.Values) leaf.Dispose();
        _read.Clear();
    }
}
