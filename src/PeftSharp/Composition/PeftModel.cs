using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
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
public sealed partial class PeftModel : IDisposable
{
    private readonly NamedAdapters _adapters;
    private bool _disposed;

    /// <summary>Takes a base model over.</summary>
    /// <param name="model">The base model, which is disposed with this.</param>
    /// <param name="baseName">Its name or path, for saved adapters; null (default) for none.</param>
    public PeftModel(TransformerModel model, string? baseName = null)
    {
        (Model, BaseName) = (model, baseName);
        _adapters = new(ThrowIfDisposed);
    }

    /// <summary>The base model.</summary>
    public TransformerModel Model { get; }

    /// <summary>The base model's name or path, for saved adapters.</summary>
    public string? BaseName { get; }

    /// <summary>The tensors that several adapters have together, each kept once.</summary>
    internal SharedArtifacts Shared { get; } = new();

    /// <summary>The adapters by name, as they are at this moment.</summary>
    public IReadOnlyDictionary<string, PeftMethod> Adapters => _adapters.All;

    // AdapterHub has a class of its own for models with flexible heads.
    private string? ClassName =>
        (Model.Config.Json["architectures"] as System.Text.Json.Nodes.JsonArray)?.FirstOrDefault()?.ToString() is not { } name ? null
        : Model.FlexibleHead is null ? name : $"{name[..name.IndexOf("For", StringComparison.Ordinal)]}AdapterModel";

    /// <summary>What the seams of the model look like to a method.</summary>
    /// <param name="seed">Seed of start values.</param>
    internal MethodHost Host(ulong seed) => new(
        Model.Sites, Model.Config.ModelType, Model.BasePrefix, Model.Head.TaskType, Model.SavedModules, Model.Width,
        Model.Precision, Model.Device, seed)
    {
        Drawn = Model.Created,
        StateWidth = Model.StateWidth,
        FlexibleHead = Model.FlexibleHead?.ToJson(),
        ModelClass = ClassName,
        HeadOutput = Model.Head.OutputMap,
        Shared = Shared,
        AnswersEachClass = Model.Head.Kind == TaskKind.MultiLabel,
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

    /// <summary>Attaches an adapter that sees the model otherwise than most: without its head, say.</summary>
    internal PeftMethod Add(MethodOptions options, string name, Func<MethodHost, MethodHost> adjust) => Add(options, name, adjust, null);

    private PeftMethod Add(MethodOptions options, string name, Func<MethodHost, MethodHost> adjust, Action<PeftMethod>? read)
    {
        ThrowIfDisposed();
        return _adapters.Add(options.For(Model.Head.TaskType, BaseName), name, adjust(Host(42)), method =>
        {
            Describe(method, method.Tag.Outputs is null ? Model.Card : Model.Card with { Labels = null });
            read?.Invoke(method);
        });
    }

    /// <summary>Takes an adapter away. Calls under way that use it finish; its tensors are released after the last of them.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public void Remove(string name)
    {
        lock (_adapters.Gate)
        {
            var adapter = this[name];
            if (Model.Sites.Merged?.Includes(adapter.Tag) == true) Unmerge();
            _adapters.Remove(adapter);
        }
    }

    /// <summary>Gives an adapter another name. Selections that were made before stay good.</summary>
    /// <exception cref="PeftException">There is none of that name, or the new name is taken.</exception>
    public void Rename(string name, string to) => _adapters.Rename(name, to);

    /// <summary>An adapter by name.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public PeftMethod this[string name]
    {
        get
        {
            ThrowIfDisposed();
            return _adapters[name];
        }
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

    /// <summary>Releases the base and every adapter once the last call under way has ended.</summary>
    public void Dispose()
    {
        lock (_adapters.Gate)
        {
            if (_disposed) return;
            _disposed = true;
            Unmerge();
            _adapters.Clear();
            Model.Dispose();
        }
    }

    /// <summary>Weights of model and adapters together, a module that is trained as a copy counted twice, as peft counts.</summary>
    internal long AllWeights(PeftMethod adapter) =>
        Model.Sites.Count + adapter.Tensors.Concat(adapter.Frozen).Where(t => t.Additional).Sum(t => t.Value.numel());

    private void ThrowIfDisposed()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        Model.ThrowIfDisposed();
    }
}
