using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>Everything that a run needs to go on as if it had never stopped, in one object.</summary>
/// <remarks>Random draws derive from the seed and the step, so no generator has to be kept.</remarks>
public sealed class TrainerState
{
    /// <summary>Optimizer steps completed.</summary>
    public long Step { get; internal set; }

    /// <summary>Epoch of the next batch.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Index of the next batch inside the epoch.</summary>
    public int Position { get; internal set; }

    /// <summary>Best score so far; null before the first evaluation.</summary>
    public double? Best { get; internal set; }

    /// <summary>Step of the best score.</summary>
    public long BestStep { get; internal set; }

    /// <summary>Evaluations since the best score.</summary>
    public int SinceBest { get; internal set; }

    /// <summary>Weights at the best score, by name; empty where they are not kept.</summary>
    internal Dictionary<string, Tensor> BestWeights { get; } = [];

    /// <summary>Takes a snapshot: numbers, and copies of all tensors (parameters, optimizer, best weights, the method's own).</summary>
    public TrainerSnapshot Export(ITrainingModel model, IOptimizer optimizer)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>();
        void Copy(string prefix, IEnumerable<KeyValuePair<string, Tensor>> from)
        {
            foreach (var (name, value) in from) tensors[$"{prefix}:{name}"] = value.detach().clone().DetachFromDisposeScope();
        }
        Copy("parameter", model.Parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)));
        Copy("optimizer", optimizer.State);
        Copy("best", BestWeights);
        Copy("method", model.MethodState);
        return new(Step, Epoch, Position, Best, BestStep, SinceBest, tensors);
    }

    /// <summary>Takes a snapshot over.</summary>
    /// <exception cref="PeftException">It belongs to another run: a tensor is missing or has another shape.</exception>
    public void Import(TrainerSnapshot snapshot, ITrainingModel model, IOptimizer optimizer)
    {
        using var guard = no_grad();
        void Restore(string prefix, IEnumerable<KeyValuePair<string, Tensor>> into)
        {
            foreach (var (name, value) in into)
            {
                if (!snapshot.Tensors.TryGetValue($"{prefix}:{name}", out var saved) || !saved.shape.SequenceEqual(value.shape))
                    throw new PeftException($"The snapshot has no tensor \"{prefix}:{name}\" of shape [{string.Join(", ", value.shape)}]; it belongs to another model, method or optimizer.");
                value.copy_(saved);
            }
        }
        Restore("parameter", model.Parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)));
        Restore("optimizer", optimizer.State);
        Restore("method", model.MethodState);
        KeepBest(snapshot.Tensors.Where(t => t.Key.StartsWith("best:", StringComparison.Ordinal)).Select(t => KeyValuePair.Create(t.Key[5..], t.Value)));
        (Step, Epoch, Position) = (snapshot.Step, snapshot.Epoch, snapshot.Position);
        (Best, BestStep, SinceBest) = (snapshot.Best, snapshot.BestStep, snapshot.SinceBest);
    }

    /// <summary>Copies weights as the best so far.</summary>
    internal void KeepBest(IEnumerable<KeyValuePair<string, Tensor>> weights)
    {
        using var guard = no_grad();
        foreach (var (name, value) in weights)
            if (BestWeights.TryGetValue(name, out var kept)) kept.copy_(value);
            else BestWeights[name] = value.detach().clone().DetachFromDisposeScope();
    }
}

/// <summary>A run at rest: numbers and tensors. The tensors belong to whoever took it.</summary>
public sealed record TrainerSnapshot(
    long Step, int Epoch, int Position, double? Best, long BestStep, int SinceBest, IReadOnlyDictionary<string, Tensor> Tensors);
