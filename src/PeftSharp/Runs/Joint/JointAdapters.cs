using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Joint;

/// <summary>
/// Adapters of one model that are trained together on several tasks, as the trainer drives them. Each batch is of one task
/// (<see cref="TokenBatch.Task"/>) and trains that task's adapters; what several tasks share, adapters or single tensors, gets gradients
/// from all of them.
/// </summary>
public sealed class JointAdapters : ITrainingModel
{
    private readonly PeftModel _model;
    private readonly IReadOnlyList<JointTask> _tasks;
    private readonly ForwardOptions _options;
    private readonly PeftMethod[] _adapters;
    // The tasks of numbers, where the model's own head answers with classes.
    private readonly HashSet<JointTask> _numbers;
    // Those that took part since the last step: hooks of the others would look for gradients that are not there.
    private readonly HashSet<PeftMethod> _acting = [];
    private readonly HashSet<(int Task, DataOrigin Data)> _described = [];

    /// <summary>Prepares the tasks for training.</summary>
    /// <param name="model">The model, all adapters attached to it.</param>
    /// <param name="tasks">The tasks, in the order of their numbers.</param>
    /// <param name="options">How the forward pass runs in training.</param>
    /// <exception cref="PeftException">Two tasks have one name, several adapters train in phases, or an adapter that is left out reads what
    /// is trained.</exception>
    public JointAdapters(PeftModel model, IReadOnlyList<JointTask> tasks, ForwardOptions? options = null)
    {
        (_model, _tasks, _options) = (model, tasks, options ?? new());
        if (tasks.Count == 0) throw new PeftException("A joint run has no tasks; give two or more.");
        if (tasks.GroupBy(task => task.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new PeftException($"Two tasks are called \"{twice.Key}\"; give each a name of its own.");
        _adapters = [.. tasks.SelectMany(task => task.Adapters).Distinct()];
        foreach (var adapter in _adapters) TrainableAdapter.RequireHead(model, adapter);
        if (_adapters.Where(adapter => adapter.Phases.Count > 0).ToList() is { Count: > 1 } several)
            throw new PeftException(
                $"The adapters {string.Join(" and ", several.Select(a => $"\"{a.Name}\""))} both train in phases, whose borders would not "
                + "meet; train them apart, or let tasks share one.");
        if (_adapters.FirstOrDefault(adapter => adapter.PhasesReachHead) is { } phased && _adapters.Length > 1)
            throw new PeftException(
                $"The adapter \"{phased.Name}\" ({phased.Options.PeftType}) trains in phases that the head goes through with it, and the "
                + "tasks of a joint run have heads of their own; train each task alone.");
        RequireAllReaders();
        _numbers = model.Model.Head.Kind == TaskKind.Regression ? []
            : [.. tasks.Where(task => model.CardOf(task.Answering).Task == TaskKind.Regression)];
        Parameters = Trained();
    }

    /// <inheritdoc/>
    public IReadOnlyList<TrainableParameter> Parameters { get; private set; }

    /// <inheritdoc/>
    public int AddedTokens => _tasks.Max(task => _model.Model.Sites.AddedTokens(task.Selection));

    /// <inheritdoc/>
    public IReadOnlyList<TrainingPhase> Phases => Phased?.Phases ?? [];

    /// <inheritdoc/>
    public void EnterPhase(int phase)
    {
        Phased!.OnPhase(phase);
        Parameters = Trained();
    }

    private PeftMethod? Phased => _adapters.FirstOrDefault(adapter => adapter.Phases.Count > 0);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> MethodState =>
        _adapters.SelectMany((a, i) => a.State.Select(s => KeyValuePair.Create($"{i}.{s.Key}", s.Value))).ToDictionary();

    /// <inheritdoc/>
    public JsonNode? MethodStateJson
    {
        get
        {
            var all = _adapters.Select(adapter => adapter.StateJson).ToArray();
            return all.All(json => json is null) ? null : new JsonArray(all);
        }
    }

    /// <inheritdoc/>
    public void RestoreMethodState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        if (json is not null && (json as JsonArray)?.Count != _adapters.Length)
            throw new PeftException(
                $"The saved state is not that of {_adapters.Length} adapters; resume with the tasks that the run began with.");
        for (var i = 0; i < _adapters.Length; i++)
            _adapters[i].RestoreState(tensors.Part($"{i}."), (json as JsonArray)?[i]?.DeepClone());
        Parameters = Trained();
    }

    /// <inheritdoc/>
    /// <remarks>An adapter sees the examples of its own tasks, in the order of the first epoch.</remarks>
    public void Prepare(IBatchSource batches, ulong seed, CancellationToken cancellation = default)
    {
        var isClassification = _model.Model.Head.Kind == TaskKind.Classification && _numbers.Count == 0;
        try
        {
            foreach (var adapter in _adapters)
            {
                ForwardContext Call(TokenBatch batch) => new() { Selection = Describe(batch).Selection, Trained = adapter.Tag };
                var examples = batches.EachExample(seed).Where(batch => TaskOf(batch).Adapters.Contains(adapter));
                adapter.OnPrepare(
                    PreparationData.Of(
                        examples, Call, LossOf, (batch, call) => _model.Model.Forward(batch, call).Logits, isClassification, seed,
                        cancellation));
            }
        }
        finally
        {
            // Nothing of it may enter the first step.
            foreach (var tensor in _adapters.SelectMany(adapter => adapter.Tensors)) tensor.Value.grad = null;
        }
        var now = Trained();
        // Other tensors, or other rates for them.
        if (!now.Select(p => p.Value).SequenceEqual(Parameters.Select(p => p.Value), ReferenceEqualityComparer.Instance)
            || !now.Select(p => p.RateFactor).SequenceEqual(Parameters.Select(p => p.RateFactor)))
            Parameters = now;
    }

    /// <inheritdoc/>
    public BatchLoss Loss(TokenBatch batch, StepState state)
    {
        var task = Describe(batch);
        _acting.UnionWith(task.Adapters);
        var context = _options.Call(task.Selection, state);
        BatchLoss Forward(ForwardContext call) => LossOf(batch, call);
        var call = new LossCall(state, context, Forward);
        return task.Adapters.Aggregate(Forward(context), (loss, adapter) => adapter.ComputeLoss(loss, call));
    }

    /// <inheritdoc/>
    public void AfterBackward(StepState state) => Each(adapter => adapter.AfterBackward(state));

    /// <inheritdoc/>
    public void BeforeStep(StepState state) => Each(adapter => adapter.BeforeStep(state));

    /// <inheritdoc/>
    public void AfterStep(StepState state)
    {
        Each(adapter => adapter.AfterStep(state));
        _acting.Clear();
    }

    // What is trained must not change what adapters outside of the run answer.
    private void RequireAllReaders()
    {
        var readers = _adapters.SelectMany(adapter => adapter.Tensors.Select(tensor => (adapter.Name, Tensor: tensor)))
            .Where(reader => reader.Tensor.IsShared)
            .GroupBy(reader => reader.Tensor.Value, ReferenceEqualityComparer.Instance);
        foreach (var group in readers)
            if (group.First() is var (name, tensor) && tensor.Holders > group.Count())
                throw new PeftException(
                    $"Other adapters of the model read the tensor \"{tensor.Name}\" that \"{name}\" trains; give the joint run their tasks "
                    + "too, or remove them.");
    }

    // The model's head knows one kind of answer; a task of numbers among tasks of classes has its own loss.
    private BatchLoss LossOf(TokenBatch batch, ForwardContext call)
    {
        if (!_numbers.Contains(TaskOf(batch)) || batch.Labels is not { } labels) return _model.Model.Loss(batch, call);
        return Losses.MeanSquare(_model.Model.Forward(batch, call).Logits.squeeze(-1), labels.to(_model.Model.Device));
    }

    // In the order of the tasks, whatever the batches were.
    private void Each(Action<PeftMethod> hook)
    {
        foreach (var adapter in _adapters)
            if (_acting.Contains(adapter)) hook(adapter);
    }

    private JointTask TaskOf(TokenBatch batch) => batch.Task is { } task && task >= 0 && task < _tasks.Count ? _tasks[task]
        : throw new PeftException(
            $"A batch belongs to {(batch.Task is { } stray ? $"task {stray}" : "no task")}, and the run has {_tasks.Count}; take batches "
            + "from JointBatches.");

    // Once for each dataset: its classes against the head's, and what the answers will depend on.
    private JointTask Describe(TokenBatch batch)
    {
        var task = TaskOf(batch);
        if (batch.Origin is { } data && _described.Add((batch.Task!.Value, data))) _model.Describe(task.Answering, data);
        return task;
    }

    // A tensor that several adapters read is trained once.
    private IReadOnlyList<TrainableParameter> Trained() =>
    [
        .. _adapters.SelectMany(adapter => adapter.Tensors.Select(
                t => new TrainableParameter($"{adapter.Name}/{t.Name}", t.Value, t.Decay) { RateFactor = t.RateFactor }))
            .DistinctBy(parameter => parameter.Value, ReferenceEqualityComparer.Instance),
    ];
}
