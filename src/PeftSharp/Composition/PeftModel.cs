using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

/// <summary>A base model with any number of adapters; which of them act is a property of each call.</summary>
/// <remarks>
/// <para>Any number of threads may forward, select, add, load, rename, remove, merge and unmerge at the same time. A call sees the adapters
/// and what is merged as they were when it began, and holds on to them until it ends; a selection that names an adapter removed before the
/// call is refused.</para>
/// <para>One adapter may be trained while others serve. The answers of the adapter that is trained, and of anything merged, removed or
/// saved while it is trained, come from weights between two steps: train a copy where that matters. Two trainers may not train one
/// adapter.</para>
/// <para>The model owns the base and its adapters: <see cref="Dispose"/> releases all of them when the last call under way has
/// ended.</para>
/// </remarks>
public sealed partial class PeftModel(TransformerModel model, string? baseName = null) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _coming = [];
    private Dictionary<string, PeftMethod> _adapters = []; // copied on every change
    private bool _disposed;

    /// <summary>The base model.</summary>
    public TransformerModel Model { get; } = model;

    /// <summary>The base model's name or path, for saved adapters.</summary>
    public string? BaseName { get; } = baseName;

    /// <summary>The tensors that several adapters have together, each kept once.</summary>
    public SharedArtifacts Shared { get; } = new();

    /// <summary>The adapters by name, as they are at this moment.</summary>
    public IReadOnlyDictionary<string, PeftMethod> Adapters => Volatile.Read(ref _adapters);

    /// <summary>What is written into the weights at present: an adapter's name, an expression of several, or null.</summary>
    public string? Merged => Model.Sites.Merged?.Composition.ToString();

    // AdapterHub has a class of its own for models with flexible heads.
    private string? ClassName =>
        (Model.Config.Json["architectures"] as System.Text.Json.Nodes.JsonArray)?.FirstOrDefault()?.ToString() is not { } name ? null
        : Model.FlexibleHead is null ? name : name.Replace("ForSequenceClassification", "AdapterModel", StringComparison.Ordinal);

    /// <summary>What the seams of the model look like to a method.</summary>
    /// <param name="seed">Seed of start values.</param>
    public MethodHost Host(ulong seed) => new(
        Model.Sites, Model.Config.ModelType, Model.BasePrefix, Model.Head.TaskType, Model.SavedModules, Model.Width,
        Model.Precision, Model.Device, seed)
    {
        Drawn = Model.Created,
        FlexibleHead = Model.FlexibleHead?.ToJson(),
        ModelClass = ClassName,
        HeadOutput = Model.Head.OutputMap,
        Shared = Shared,
    };

    /// <summary>Attaches a new adapter.</summary>
    /// <param name="options">The method's settings.</param>
    /// <param name="name">The adapter's name; default <c>default</c>.</param>
    /// <param name="seed">Seed of start values; default 42.</param>
    /// <param name="outputs">Outputs of the adapter's own head, which starts at random where they are not the base's; null (default) for
    /// the base's.</param>
    /// <exception cref="PeftException">The name is taken, or the settings do not fit the model; nothing is changed then.</exception>
    public PeftMethod Add(MethodOptions options, string name = "default", ulong seed = 42, int? outputs = null)
    {
        if (outputs is < 1 or > 1 << 20) throw new PeftException($"{outputs} outputs were asked for; a head has 1 to {1 << 20}.");
        return Add(options, name, host => host with { Seed = seed, Outputs = outputs }, null);
    }

    /// <summary>Attaches an adapter and reads its saved tensors into it; nobody can select it before that is done.</summary>
    internal PeftMethod AddSaved(MethodOptions options, string name, int? outputs, long numbers, Action<PeftMethod> read) =>
        Add(options, name, host => host with { FromFile = true, Outputs = outputs, SavedNumbers = numbers }, read);

    private PeftMethod Add(MethodOptions options, string name, Func<MethodHost, MethodHost> adjust, Action<PeftMethod>? read)
    {
        lock (_gate)
        {
            ThrowIfDisposed();
            if (_adapters.ContainsKey(name) || !_coming.Add(name)) throw Taken(name);
        }
        try
        {
            var method = options.For(Model.Head.TaskType, BaseName).Create(name);
            method.Attach(adjust(Host(42)));
            try
            {
                Describe(method, method.Tag.Outputs is null ? Model.Card : Model.Card with { Labels = null });
                using (NewDisposeScope()) read?.Invoke(method);
                lock (_gate)
                {
                    ThrowIfDisposed();
                    Volatile.Write(ref _adapters, new(_adapters) { [name] = method });
                }
                return method;
            }
            catch
            {
                method.Dispose();
                throw;
            }
        }
        finally
        {
            lock (_gate) _coming.Remove(name);
        }
    }

    /// <summary>What an adapter's answers depend on besides tensors; saved with it.</summary>
    public AnswerCard CardOf(PeftMethod adapter) =>
        adapter.Card is { } text ? AnswerCard.Parse(text, $"the adapter \"{adapter.Name}\"") : Model.Card;

    /// <summary>Says what an adapter's answers depend on besides tensors. Training does so by itself, from the rows that it sees.</summary>
    public void Describe(PeftMethod adapter, AnswerCard card) => adapter.Card = card.ToJson();

    /// <summary>Says that an adapter is trained on some data: what its answers depend on of it is saved with it.</summary>
    /// <exception cref="PeftException">The model's head does not answer the data: it has other classes, or has them in another
    /// order.</exception>
    public void Describe(PeftMethod adapter, DataOrigin data)
    {
        var card = CardOf(adapter);
        LabelCheck.Require(data, Model, card.Labels, adapter.Tag.Outputs ?? Model.Head.Outputs);
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
        selection.Compositions.Select(tree => Adapters.Values.FirstOrDefault(a => a.Tag == tree.Answering))
            .FirstOrDefault(a => a is not null) is { } adapter
            ? CardOf(adapter) : Model.Card;

    /// <summary>Takes an adapter away. Calls under way that use it finish; its tensors are released after the last of them.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public void Remove(string name)
    {
        lock (_gate)
        {
            var adapter = this[name];
            if (Model.Sites.Merged?.Includes(adapter.Tag) == true) Unmerge();
            Volatile.Write(ref _adapters, _adapters.Where(pair => pair.Key != name).ToDictionary());
            adapter.Dispose();
        }
    }

    /// <summary>Gives an adapter another name. Selections that were made before stay good.</summary>
    /// <exception cref="PeftException">There is none of that name, or the new name is taken.</exception>
    public void Rename(string name, string to)
    {
        lock (_gate)
        {
            var adapter = this[name];
            if (to == name) return;
            if (_adapters.ContainsKey(to) || _coming.Contains(to)) throw Taken(to);
            adapter.Tag.Name = to;
            Volatile.Write(ref _adapters, _adapters.ToDictionary(pair => pair.Key == name ? to : pair.Key, pair => pair.Value));
        }
    }

    /// <summary>An adapter by name.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public PeftMethod this[string name]
    {
        get
        {
            ThrowIfDisposed();
            var adapters = Adapters;
            if (adapters.TryGetValue(name, out var adapter)) return adapter;
            var others = adapters.Count == 0 ? "are none" : $"are {string.Join(", ", adapters.Keys)}";
            throw new PeftException($"There is no adapter \"{name}\"; there {others}.");
        }
    }

    /// <summary>
    /// Selects adapters by name or expression (see <see cref="Compose(string)"/>), acting one after the other on every row.
    /// </summary>
    /// <exception cref="PeftException">There is none of a name, it is merged, or an expression makes no sense.</exception>
    public AdapterSelection Select(params IReadOnlyList<string> names) =>
        names.Count == 0 ? AdapterSelection.None : AdapterSelection.Of(AdapterComposition.StackOf([.. names.Select(Compose)]));

    /// <summary>Selects one adapter or expression (see <see cref="Compose(string)"/>), or none (null), for each row.</summary>
    /// <exception cref="PeftException">There is none of a name, it is merged, or an expression makes no sense.</exception>
    public AdapterSelection SelectPerRow(IReadOnlyList<string?> names) =>
        AdapterSelection.PerRow([.. names.Select(n => n is null ? null : Compose(n))]);

    /// <summary>Outputs per row (or token) of a call: those of the widest head that acts.</summary>
    public int OutputsOf(AdapterSelection selection)
    {
        if (selection.Compositions is [var only] && !selection.IsPerRow) return only.Outputs ?? Model.Head.Outputs;
        return Enumerable.Range(0, selection.Rows)
            .Select(row => selection.OutputsOfRow(row) ?? Model.Head.Outputs)
            .DefaultIfEmpty(Model.Head.Outputs)
            .Max();
    }

    /// <summary>
    /// Runs the model in inference mode with a selection of adapters: no dropout, no graph, and nothing kept but the result.
    /// </summary>
    /// <param name="batch">The rows; they stay the caller's.</param>
    /// <param name="selection">Which adapters act on which rows.</param>
    /// <param name="allTokens">True if <see cref="ModelOutput.Hidden"/> is wanted, at every position.</param>
    /// <returns>What belongs to the caller: to the dispose scope that is open, if one is; else dispose it.</returns>
    /// <remarks>
    /// For gradients there is <c>TrainableAdapter.Loss</c>, or <see cref="TransformerModel.Forward"/> with a context of one's own.
    /// </remarks>
    /// <exception cref="PeftException">The batch does not fit the model or the selection, or a selected adapter was removed.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public ModelOutput Forward(TokenBatch batch, AdapterSelection selection, bool allTokens = false)
    {
        using var guard = no_grad();
        return Model.Forward(batch, new ForwardContext { Selection = selection, AllTokens = allTokens });
    }

    /// <summary>
    /// Writes an adapter, or several by an expression (<c>stack(a,b)</c>, <c>average(a:0.3,b:0.7)</c>), into the weights: no cost at
    /// inference. The base's own tensors are kept for <see cref="Unmerge"/>. Calls that begin afterwards see it; calls under way do not.
    /// </summary>
    /// <exception cref="PeftException">The method cannot be merged, or something is merged already; nothing is changed then.</exception>
    public void Merge(string name)
    {
        lock (_gate)
        {
            if (Merged is not null) throw new PeftException($"The adapter \"{Merged}\" is merged already; unmerge it first.");
            Merge(Compose(name));
        }
    }

    /// <inheritdoc cref="Merge(string)"/>
    public void Merge(AdapterComposition composition)
    {
        lock (_gate)
        {
            if (Merged is not null) throw new PeftException($"The adapter \"{Merged}\" is merged already; unmerge it first.");
            if (composition.Outputs is { } own)
                throw new PeftException(
                    $"The adapter \"{composition}\" has a head of {own} outputs, the base one of {Model.Head.Outputs}; load the base with "
                    + "the adapter's labels to merge it.");
            var values = new Dictionary<Slot, IDisposable>();
            try
            {
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                foreach (var (slot, value) in Merger.MergedValues(Model.Sites, composition, NameOf(composition)))
                    values.Add(slot, slot.Keep(value));
            }
            catch
            {
                foreach (var value in values.Values) value.Dispose();
                throw;
            }
            Model.Sites.Merged = new MergedWeights(composition, values);
        }
    }

    // For refusals: the method where there is one.
    private string NameOf(AdapterComposition composition) =>
        composition is AdapterComposition.One one && Adapters.Values.FirstOrDefault(a => a.Tag == one.Adapter) is { } adapter
            ? adapter.Options.PeftType
            : composition.ToString()!;

    /// <summary>Puts the base's own tensors back, bit for bit, for the calls that begin from now on.</summary>
    public void Unmerge()
    {
        lock (_gate)
        {
            var merged = Model.Sites.Merged;
            Model.Sites.Merged = null;
            merged?.Close();
        }
    }

    /// <summary>Releases the base and every adapter once the last call under way has ended.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            Unmerge();
            foreach (var adapter in _adapters.Values) adapter.Dispose();
            Volatile.Write(ref _adapters, []);
            Model.Dispose();
        }
    }

    /// <summary>Weights of model and adapters together, a module that is trained as a copy counted twice, as peft counts.</summary>
    public long AllWeights(PeftMethod adapter) =>
        Model.Sites.Count + adapter.Tensors.Concat(adapter.Frozen).Where(t => t.Additional).Sum(t => t.Value.numel());

    private static PeftException Taken(string name) => new($"There is an adapter \"{name}\" already; choose another name.");

    private void ThrowIfDisposed()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        Model.ThrowIfDisposed();
    }
}
