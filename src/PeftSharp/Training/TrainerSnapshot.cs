using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Training.Optimizers;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>A run at rest: all that is needed to go on as if it had never stopped. Owns its tensors.</summary>
/// <param name="State">Where the run stands.</param>
/// <param name="Tensors">
/// By name: <c>parameter:…</c>, <c>method:…</c>, <c>optimizer:…</c> and, where the best weights are kept, <c>best:parameter:…</c> and
/// <c>best:method:…</c>.
/// </param>
/// <param name="Method">What the method keeps as JSON; null for most.</param>
/// <param name="BestMethod">The same at the best evaluation.</param>
public sealed record TrainerSnapshot(
    TrainerState State, IReadOnlyDictionary<string, Tensor> Tensors, JsonNode? Method = null, JsonNode? BestMethod = null) : IDisposable
{
    private const string OptimizerPart = "optimizer:", BestPart = "best:";

    /// <summary>A copy of the weights of the best evaluation; null where they were not kept.</summary>
    internal KeptWeights? Best => Tensors.Part(BestPart) is { Count: > 0 } best ? new(best, BestMethod) : null;

    internal static TrainerSnapshot Take(TrainerState state, ITrainingModel model, IOptimizer optimizer, KeptWeights? best)
    {
        var tensors = new Dictionary<string, Tensor>();
        var method = KeptWeights.Copy(model, tensors);
        tensors.AddCopies(OptimizerPart, optimizer.State);
        return new(state with { }, tensors, method, best?.AddTo(tensors, BestPart));
    }

    internal void RestoreModel(ITrainingModel model) => KeptWeights.Restore(model, Tensors, Method);

    internal void RestoreOptimizer(IOptimizer optimizer)
    {
        var saved = Tensors.Part(OptimizerPart);
        NamedTensors.Check(optimizer.State, saved, "the optimizer");
        NamedTensors.Copy(optimizer.State, saved);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in Tensors.Values) tensor.Dispose();
    }
}
