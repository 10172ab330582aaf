using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

/// <summary>A base model with any number of adapters; which of them act is a property of each call.</summary>
public sealed class PeftModel(TransformerModel model, string? baseName = null)
{
    private readonly Dictionary<string, PeftMethod> _adapters = [];
    private readonly List<Action> _unmerge = [];

    /// <summary>The base model.</summary>
    public TransformerModel Model { get; } = model;

    /// <summary>The base model's name or path, for saved adapters.</summary>
    public string? BaseName { get; } = baseName;

    /// <summary>The adapters by name.</summary>
    public IReadOnlyDictionary<string, PeftMethod> Adapters => _adapters;

    /// <summary>The adapter that is written into the weights at present, if any.</summary>
    public string? Merged { get; private set; }

    /// <summary>What the seams of the model look like to a method.</summary>
    /// <param name="seed">Seed of start values.</param>
    public MethodHost Host(ulong seed) => new(
        Model.Sites, Model.Config.ModelType, Model.BasePrefix, Model.Head.TaskType, Model.SavedModules, Model.Width,
        Model.Precision, Model.Device, seed)
    {
        ModelClass = (Model.Config.Json["architectures"] as System.Text.Json.Nodes.JsonArray)?.FirstOrDefault()?.ToString(),
    };

    /// <summary>Attaches a new adapter.</summary>
    /// <exception cref="PeftException">The name is taken, or the settings do not fit the model; nothing is changed then.</exception>
    public PeftMethod Add(MethodOptions options, string name = "default", ulong seed = 42) => Add(options, name, Host(seed));

    /// <summary>Attaches an adapter whose saved tensors are read into it next.</summary>
    internal PeftMethod AddSaved(MethodOptions options, string name) => Add(options, name, Host(42) with { FromFile = true });

    private PeftMethod Add(MethodOptions options, string name, MethodHost host)
    {
        if (_adapters.ContainsKey(name)) throw new PeftException($"There is an adapter \"{name}\" already; choose another name.");
        var method = options.For(Model.Head.TaskType, BaseName).Create(name);
        method.Attach(host);
        Describe(method, Model.Card);
        _adapters.Add(name, method);
        return method;
    }

    /// <summary>What an adapter's answers depend on besides tensors; saved with it.</summary>
    public AnswerCard CardOf(PeftMethod adapter) => adapter.Card is { } text ? AnswerCard.Parse(text, $"the adapter \"{adapter.Name}\"") : Model.Card;

    /// <summary>Says what an adapter's answers depend on besides tensors. Training does so by itself, from the rows that it sees.</summary>
    public void Describe(PeftMethod adapter, AnswerCard card) => adapter.Card = card.ToJson();

    /// <summary>Says that an adapter is trained on some data: what its answers depend on of it is saved with it.</summary>
    /// <exception cref="PeftException">The model's head does not answer the data: it has other classes, or has them in another order.</exception>
    public void Describe(PeftMethod adapter, DataOrigin data)
    {
        var card = CardOf(adapter);
        LabelCheck.Require(data, Model, card.Labels);
        var unnamed = card.Labels is null || LabelNames.AreIndices(card.Labels);
        Describe(adapter, card with
        {
            Labels = unnamed && Model.Head.Kind == TaskKind.Classification ? data.Labels ?? card.Labels : card.Labels,
            Pairs = data.Pairs,
            MaxLength = data.MaxLength,
            Tokenizer = data.Texts,
            Columns = data.TextColumn is null && data.LabelColumn is null ? null : new(data.TextColumn, data.PairColumn, data.LabelColumn),
        });
    }

    /// <summary>The card of what a selection answers: its adapter's where there is one, else the model's.</summary>
    internal AnswerCard CardOf(AdapterSelection selection) =>
        selection.Adapters.Select(tag => _adapters.Values.FirstOrDefault(a => a.Tag == tag)).FirstOrDefault(a => a is not null) is { } adapter ? CardOf(adapter) : Model.Card;

    /// <summary>Takes an adapter away.</summary>
    public void Remove(string name)
    {
        if (Merged == name) Unmerge();
        this[name].Detach();
        _adapters.Remove(name);
    }

    /// <summary>An adapter by name.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public PeftMethod this[string name] => _adapters.TryGetValue(name, out var adapter)
        ? adapter
        : throw new PeftException($"There is no adapter \"{name}\"; there {(_adapters.Count == 0 ? "are none" : $"are {string.Join(", ", _adapters.Keys)}")}.");

    /// <summary>Selects adapters by name, acting together on every row.</summary>
    public AdapterSelection Select(params IReadOnlyList<string> names) => AdapterSelection.Of([.. names.Select(n => Usable(n).Tag)]);

    /// <summary>Selects one adapter, or none (null), for each row.</summary>
    public AdapterSelection SelectPerRow(IReadOnlyList<string?> names) => AdapterSelection.PerRow([.. names.Select(n => n is null ? null : Usable(n).Tag)]);

    /// <summary>Runs the model in inference mode with a selection of adapters.</summary>
    public ModelOutput Forward(TokenBatch batch, AdapterSelection selection, bool allTokens = false) =>
        Model.Forward(batch, new ForwardContext { Selection = selection, AllTokens = allTokens });

    /// <summary>Writes an adapter into the weights: no cost at inference. The base's own tensors are kept for <see cref="Unmerge"/>.</summary>
    /// <exception cref="PeftException">The method cannot be merged, or another adapter is merged already; nothing is changed then.</exception>
    public void Merge(string name)
    {
        var adapter = this[name];
        if (Merged is not null) throw new PeftException($"The adapter \"{Merged}\" is merged already; unmerge it first.");
        try
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            foreach (var (slot, value) in Merger.MergedValues(Model.Sites, adapter.Tag, adapter.Options.PeftType))
            {
                var kept = value.detach().clone().DetachFromDisposeScope();
                _unmerge.Add(slot.Merge(kept));
                _unmerge.Add(kept.Dispose);
            }
            Merged = name;
        }
        catch
        {
            Unmerge();
            throw;
        }
    }

    /// <summary>Puts the base's own tensors back, bit for bit.</summary>
    public void Unmerge()
    {
        foreach (var undo in _unmerge) undo();
        _unmerge.Clear();
        Merged = null;
    }

    /// <summary>Weights of model and adapters together, a module that is trained as a copy counted twice, as peft counts.</summary>
    public long AllWeights(PeftMethod adapter) => Model.Sites.Count + adapter.Tensors.Where(t => t.Additional).Sum(t => t.Value.numel());

    private PeftMethod Usable(string name) => name == Merged
        ? throw new PeftException($"The adapter \"{name}\" is merged into the weights; unmerge it to select it.")
        : this[name];
}
