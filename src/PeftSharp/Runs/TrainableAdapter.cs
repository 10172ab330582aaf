using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs;

/// <summary>One adapter of a model, as the trainer drives it.</summary>
/// <param name="model">The model.</param>
/// <param name="adapter">The adapter to train; one of the model's.</param>
/// <param name="options">How the forward pass runs in training.</param>
/// <param name="selection">What acts in training, the adapter among it; default: the adapter alone. The others stay as they are and get no
/// gradients.</param>
public sealed class TrainableAdapter(
    PeftModel model, PeftMethod adapter, ForwardOptions? options = null, AdapterSelection? selection = null) : ITrainingModel
{
    private readonly ForwardOptions _options = options ?? new();
    private readonly AdapterSelection _selection = Acting(RequireHead(model, adapter), selection);
    private DataOrigin? _checked;

    /// <inheritdoc/>
    public IReadOnlyList<TrainableParameter> Parameters { get; private set; } = Trained(adapter);

    // Before anything is prepared: a loss would be missed at the first step only.
    internal static PeftMethod RequireHead(PeftModel model, PeftMethod adapter) =>
        model.Model.Head.Kind != Models.Heads.TaskKind.Embedding ? adapter
        : throw new PeftException(
            $"The model that adapter \"{adapter.Name}\" stands on has no head, so nothing says what an answer costs; load it with "
            + "ModelOptions.Task = TaskKind.Classification (or another task) to train.");

    // What is trained alone must not change what others answer.
    private static AdapterSelection Acting(PeftMethod adapter, AdapterSelection? selection) =>
        adapter.Options.SharedName is { } shared
            ? throw new PeftException(
                $"The adapter \"{adapter.Name}\" reads what other tasks read, \"{shared}\", and one task alone would change it for all of "
                + "them; train them together in a joint run.")
        : adapter.Tensors.Any(t => t.IsShared)
            ? throw new PeftException(
                $"Other adapters of the model read tensors that \"{adapter.Name}\" trains; train them together, or remove the others.")
        : selection is null ? AdapterSelection.Of(adapter.Tag)
        : selection.Includes(adapter.Tag) ? selection
        : throw new PeftException($"The adapter \"{adapter.Name}\" is to be trained, but {selection} acts; select it with the others.");

    /// <inheritdoc/>
    public int AddedTokens => model.Model.Sites.AddedTokens(_selection);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> MethodState => adapter.State;

    /// <inheritdoc/>
    public JsonNode? MethodStateJson => adapter.StateJson;

    /// <inheritdoc/>
    public void RestoreMethodState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        adapter.RestoreState(tensors, json);
        Parameters = Trained(adapter);
    }

    /// <inheritdoc/>
    public void Prepare(IBatchSource batches, ulong seed, CancellationToken cancellation = default)
    {
        ForwardContext Call(TokenBatch batch)
        {
            Check(batch);
            return new() { Selection = _selection, Trained = adapter.Tag };
        }
        var before = Parameters;
        try
        {
            adapter.OnPrepare(
                PreparationData.Of(
                    batches.EachExample(seed), Call, model.Model.Loss, (batch, call) => model.Model.Forward(batch, call).Logits,
                    model.Model.Head.Kind == TaskKind.Classification, seed, cancellation));
        }
        finally
        {
            // Nothing of it may enter the first step.
            foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
        }
        // Other tensors, or other rates for them.
        var after = Trained(adapter);
        if (
            !after.Select(p => p.Value).SequenceEqual(before.Select(p => p.Value), ReferenceEqualityComparer.Instance)
                || !after.Select(p => p.RateFactor).SequenceEqual(before.Select(p => p.RateFactor)))
            Parameters = after;
    }

    /// <inheritdoc/>
    public IReadOnlyList<TrainingPhase> Phases => adapter.Phases;

    /// <inheritdoc/>
    public void EnterPhase(int phase)
    {
        adapter.OnPhase(phase);
        Parameters = Trained(adapter);
    }

    /// <inheritdoc/>
    public Action? Rehearse()
    {
        if (adapter.Rehearse() is not { } back) return null;
        Parameters = Trained(adapter);
        return () =>
        {
            back();
            Parameters = Trained(adapter);
        };
    }

    /// <inheritdoc/>
    public BatchLoss Loss(TokenBatch batch, StepState state)
    {
        Check(batch);
        var context = _options.Call(_selection, state) with { Trained = adapter.Tag };
        BatchLoss Forward(ForwardContext call) => model.Model.Loss(batch, call);
        return adapter.ComputeLoss(Forward(context), new LossCall(state, context, Forward));
    }

    /// <inheritdoc/>
    public void AfterBackward(StepState state) => adapter.AfterBackward(state);

    /// <inheritdoc/>
    public void BeforeStep(StepState state) => adapter.BeforeStep(state);

    /// <inheritdoc/>
    public void AfterStep(StepState state) => adapter.AfterStep(state);

    // Once for each dataset: its classes against the head's, and what the adapter's answers will depend on.
    private void Check(TokenBatch batch)
    {
        if (batch.Origin is not { } data) return; // made by hand: numbers alone, which the loss looks at
        if (ReferenceEquals(data, _checked)) return;
        model.Describe(adapter, data);
        _checked = data;
    }

    private static IReadOnlyList<TrainableParameter> Trained(PeftMethod adapter) =>
        [.. adapter.Tensors.Select(t => new TrainableParameter(t.Name, t.Value, t.Decay) { RateFactor = t.RateFactor })];
}
