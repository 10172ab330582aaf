using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Partial.Head;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Joint;

/// <summary>One adapter that several tasks share, with a head for each of them.</summary>
/// <remarks>
/// Settings that name a prototype (<c>ProPetlOptions.Prototype</c>) give each task an adapter of its own, masks and head, and all of them
/// the prototype.
/// While it is trained, the adapter and the heads are adapters of the model beside each other, and a task is a stack of two of them.
/// <see cref="Extract"/> makes an ordinary adapter of a task, which is saved, loaded and served as if it had been trained alone.
/// </remarks>
public sealed class SharedAdapter
{
    private readonly PeftModel _model;
    private readonly MethodOptions _options;
    private readonly IReadOnlyList<SharedTask> _tasks;
    private readonly ulong _seed;

    /// <summary>Attaches the adapter and the heads.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">The method and its settings, which all tasks share.</param>
    /// <param name="tasks">The tasks, each with what it answers.</param>
    /// <param name="name">Name of the shared adapter; heads are called after it and their tasks. Default: <c>shared</c>.</param>
    /// <param name="seed">Seed of start values; default 42.</param>
    /// <exception cref="PeftException">A name is taken, or the method does not fit; nothing is changed then.</exception>
    public SharedAdapter(
        PeftModel model, MethodOptions options, IReadOnlyList<SharedTask> tasks, string name = "shared",
        ulong seed = 42)
    {
        (_model, _options, _tasks, _seed) = (model, options, tasks, seed);
        var hasHeads = model.Model.SavedModules.Count > 0;
        if (options is HeadOptions)
            throw new PeftException("HEAD: there is nothing that tasks could share; take another method, or train each task alone.");
        if (IsApart)
        {
            var adapters = AddApart(name);
            Adapter = adapters[0];
            Tasks = [.. tasks.Zip(adapters, (task, adapter) => new JointTask(task.Name, adapter))];
            return;
        }
        Adapter = model.Add(options.ForTask(0, tasks.Count), name, WithoutHead);
        List<PeftMethod> heads = [];
        try
        {
            if (hasHeads) heads.AddRange(tasks.Select((_, task) => AddHead(name, task)));
        }
        catch
        {
            foreach (var added in heads.Append(Adapter)) model.Remove(added.Name);
            throw;
        }
        Tasks = [.. tasks.Select((task, i) => hasHeads ? new JointTask(task.Name, Adapter, heads[i]) : new JointTask(task.Name, Adapter))];
    }

    /// <summary>What all tasks share; of tasks with adapters of their own, which have a prototype together, the first one's.</summary>
    public PeftMethod Adapter { get; }

    /// <summary>The tasks, to be trained with <see cref="JointAdapters"/>.</summary>
    public IReadOnlyList<JointTask> Tasks { get; }

    /// <summary>True if the adapter is all that there is to any task: there are no heads, and tasks are one to it.</summary>
    internal bool IsWhole => !IsApart && Tasks.All(task => ReferenceEquals(task.Answering, Adapter))
        && ReferenceEquals(_options.ForTask(0, _tasks.Count), _options);

    /// <summary>
    /// Makes an ordinary adapter of what the model has learnt for a task: copies, which further training leaves alone, but for a prototype
    /// that tasks share, which it reads with them.
    /// </summary>
    /// <param name="task">The task, from 0.</param>
    /// <param name="name">The adapter's name; default: the task's.</param>
    /// <exception cref="PeftException">The name is taken.</exception>
    public PeftMethod Extract(int task, string? name = null)
    {
        var (head, options) = (Tasks[task].Answering, _options.ForTask(task, _tasks.Count));
        var learnt = Tasks[task].Adapters[0];
        var alone = ReferenceEquals(head, Adapter) && !IsApart ? _model.Add(options, name ?? _tasks[task].Name, Seeded)
            : _model.Add(options, name ?? _tasks[task].Name, host => WithHead(Seeded(host), _tasks[task]));
        var state = new Dictionary<string, Tensor>();
        try
        {
            state.AddCopies("", learnt.State);
            alone.RestoreState(state, learnt.StateJson);
            Take(alone, learnt, head);
            _model.Describe(alone, _model.CardOf(head));
            return alone;
        }
        catch
        {
            _model.Remove(alone.Name);
            throw;
        }
        finally
        {
            foreach (var copy in state.Values) copy.Dispose();
        }
    }

    private static void Take(PeftMethod alone, PeftMethod adapter, PeftMethod head)
    {
        using var guard = no_grad();
        var learnt = adapter.Kept.ToDictionary(tensor => tensor.Name, tensor => tensor.Value);
        foreach (var tensor in head.Kept) learnt[tensor.Name] = tensor.Value;
        foreach (var tensor in alone.Kept)
            if (!ReferenceEquals(tensor.Value, learnt[tensor.Name])) tensor.Value.copy_(learnt[tensor.Name]);
        alone.EncoderRestored();
    }

    // Each task has an adapter of its own, and trained tensors are shared by name.
    private bool IsApart => _options.SharedName is not null;

    private List<PeftMethod> AddApart(string name)
    {
        List<PeftMethod> adapters = [];
        try
        {
            for (var task = 0; task < _tasks.Count; task++) adapters.Add(AddOwn(_options.ForTask(task, _tasks.Count), name, _tasks[task]));
            return adapters;
        }
        catch
        {
            foreach (var added in adapters) _model.Remove(added.Name);
            throw;
        }
    }

    private PeftMethod AddHead(string name, int task) => AddOwn(new HeadOptions(), name, _tasks[task]);

    // What is one task's own, its head with it.
    private PeftMethod AddOwn(MethodOptions options, string name, SharedTask own)
    {
        var added = _model.Add(
            options, $"{name}/{own.Name}", host => WithHead(host with { Seed = SeedSequence.Derive(_seed, own.Name) }, own));
        if (own.IsNumber) _model.Describe(added, _model.CardOf(added) with { Task = TaskKind.Regression, Labels = null });
        return added;
    }

    // Classes of other names than the base's mean something else, even where they are as many.
    private MethodHost WithHead(MethodHost host, SharedTask task)
    {
        var kind = _model.Model.Head.Kind;
        if (task.IsNumber) return kind == TaskKind.Regression ? host : host with { Outputs = 1, DrawsHead = true };
        if (kind != TaskKind.Classification || task.Labels is not { } labels) return host;
        var own = _model.Model.Labels;
        var isSame = own.SequenceEqual(labels) || (own.Count == labels.Count && LabelNames.AreIndices(own));
        return host with { Outputs = labels.Count, DrawsHead = !isSame };
    }

    // The adapter knows the head, to leave it to the tasks.
    private MethodHost WithoutHead(MethodHost host) => Seeded(host) with { HeadModules = [], WholeHead = host.WholeHead };

    private MethodHost Seeded(MethodHost host) => host with { Seed = _seed };
}
