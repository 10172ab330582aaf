using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Sites;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PeftSharp.Composition.Foreign;

/// <summary>A network of TorchSharp's own modules with its adapters, reached through forward hooks.</summary>
/// <remarks>
/// <para>The network stays the caller's: it is called, trained and disposed as before. Its parameters are frozen while this object lives,
/// and hold their own values bit for bit unless an adapter is merged. One thread may change adapters while no other calls the
/// network.</para>
/// <para>Disposing takes adapters and hooks away and gives parameters back as they were.</para>
/// </remarks>
public sealed class AdaptedModule : IDisposable
{
    private readonly AsyncLocal<AdapterSelection?> _scope = new();
    private readonly NamedAdapters _adapters;
    private readonly List<Action> _undo = [];
    private readonly List<(Parameter Parameter, Tensor Own)> _overwritten = [];
    private readonly ForeignSites _found;
    private readonly SharedArtifacts _shared = new();
    private ulong _seed = 42;
    private long _calls;

    internal AdaptedModule(nn.Module module, IReadOnlyList<string> branches)
    {
        LibTorch.EnsureLoaded();
        Module = module;
        _adapters = new(Admit, " on the network");
        _found = new ForeignSites(module, branches);
        foreach (var parameter in module.parameters().Where(p => p.requires_grad))
        {
            parameter.requires_grad_(false);
            _undo.Add(() => parameter.requires_grad_(true));
        }
        _undo.AddRange(_found.Hook(Call));
    }

    /// <summary>The network.</summary>
    public nn.Module Module { get; }

    /// <summary>The adapters by name.</summary>
    public IReadOnlyDictionary<string, PeftMethod> Adapters => _adapters.All;

    /// <summary>The adapters that act where no <see cref="Use"/> says otherwise; an adapter that is added comes last in it.</summary>
    public AdapterSelection Selection { get; set; } = AdapterSelection.None;

    /// <summary>The adapter that is written into the parameters, if any.</summary>
    public string? Merged { get; private set; }

    /// <summary>True once it was disposed.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>Attaches an adapter and lets it act from now on.</summary>
    /// <inheritdoc cref="ModuleAdapters.AddAdapter"/>
    public PeftMethod Add(MethodOptions options, string name = "default", ulong seed = 42) =>
        Add(options, name, Host(seed), null);

    internal PeftMethod AddSaved(MethodOptions options, string name, long numbers, Action<PeftMethod> read) =>
        Add(options, name, Host(42) with { FromFile = true, SavedNumbers = numbers }, read);

    /// <summary>An adapter by name.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public PeftMethod this[string name] => _adapters[name];

    /// <summary>
    /// What an adapter trains, for an optimizer of TorchSharp's: <c>optim.AdamW(adapted.Parameters("default"), lr: 1e-3)</c>.
    /// </summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public IReadOnlyList<Parameter> Parameters(string name) => [.. this[name].Tensors.Select(tensor => (Parameter)tensor.Value)];

    /// <summary>
    /// Selects adapters by name, or by an expression of names (<c>stack(a,b)</c>, <c>average(a:0.3,b:0.7)</c>), one after the other on
    /// every row.
    /// </summary>
    /// <exception cref="PeftException">There is none of a name, or an expression asks for what a network has not.</exception>
    public AdapterSelection Select(params IReadOnlyList<string> names) => NamedAdapters.Select(names, Compose);

    /// <summary>Selects one adapter or expression, or none (null), for each row of the batch (the first dimension of what each child
    /// reads).</summary>
    /// <exception cref="PeftException">There is none of a name, or an expression asks for what a network has not.</exception>
    public AdapterSelection SelectPerRow(IReadOnlyList<string?> names) => NamedAdapters.SelectPerRow(names, Compose);

    /// <summary>Lets other adapters act in the calls of this thread (and what it awaits) until the returned object is disposed.</summary>
    /// <param name="selection">The adapters; <see cref="AdapterSelection.None"/> for the network alone.</param>
    public IDisposable Use(AdapterSelection selection)
    {
        ThrowIfDisposed();
        var before = _scope.Value;
        _scope.Value = selection;
        return new Scope(() => _scope.Value = before);
    }

    /// <summary>
    /// Takes an adapter away. A <see cref="Selection"/> of adapters one after the other goes on without it; another one that names it ends.
    /// </summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public void Remove(string name)
    {
        var adapter = this[name];
        if (Merged == name) Unmerge();
        if (Selection.Includes(adapter.Tag)) Selection = Without(adapter.Tag);
        _adapters.Remove(adapter);
    }

    /// <summary>Writes an adapter into the network's parameters, and lets nothing act beside them: no cost at inference.</summary>
    /// <exception cref="PeftException">The method cannot be merged, or another adapter is merged already; nothing is changed
    /// then.</exception>
    public void Merge(string name)
    {
        ThrowIfDisposed();
        var adapter = this[name];
        if (Merged is not null) throw new PeftException($"The adapter \"{Merged}\" is merged already; unmerge it first.");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var values = Merger.MergedValues(_found.Sites, adapter.Tag, adapter.Options.PeftType).ToList();
        foreach (var (slot, value) in values)
        {
            var parameter = _found.ParameterOf(slot);
            _overwritten.Add((parameter, parameter.detach().clone().DetachFromDisposeScope()));
            parameter.copy_(value.view(parameter.shape));
        }
        Merged = name;
    }

    /// <summary>Gives the network's parameters their own values back, bit for bit.</summary>
    public void Unmerge()
    {
        using var guard = no_grad();
        foreach (var (parameter, own) in _overwritten)
        {
            parameter.copy_(own);
            own.Dispose();
        }
        _overwritten.Clear();
        Merged = null;
    }

    /// <summary>Takes every adapter and hook away and gives the parameters back as they were.</summary>
    public void Dispose()
    {
        if (IsDisposed) return;
        Unmerge();
        IsDisposed = true;
        _adapters.Clear();
        foreach (var undo in _undo) undo();
    }

    private PeftMethod Add(MethodOptions options, string name, MethodHost host, Action<PeftMethod>? read)
    {
        var method = _adapters.Add(options, name, host, read);
        _seed = host.Seed;
        Selection = Selection.Compositions is [var only] && !Selection.IsPerRow
            ? AdapterSelection.Of(AdapterComposition.StackOf(only, method.Tag.Acts))
            : AdapterSelection.Of([.. Selection.Adapters, method.Tag]);
        return method;
    }

    private AdapterSelection Without(AdapterTag adapter) => Selection.IsPerRow || !Selection.Compositions[0].IsFlat
        ? AdapterSelection.None
        : AdapterSelection.Of([.. Selection.Adapters.Where(tag => tag != adapter)]);

    private void Admit()
    {
        ThrowIfDisposed();
        if (Merged is not null)
            throw new PeftException($"The adapter \"{Merged}\" is merged into the network; unmerge it before others are added.");
    }

    private AdapterComposition Compose(string expression)
    {
        if (_adapters.Find(expression) is { } adapter) return AdapterComposition.Of(adapter.Tag);
        var composition = AdapterExpression.Parse(expression).Resolve(name => this[name].Tag, (_, _) => throw new PeftException(
            $"\"{expression}\" fuses adapters, and a network has no fusions; stack or average them."));
        if (composition.HasSplit)
            throw new PeftException($"\"{expression}\" splits tokens, of which a network's children know nothing; select per row.");
        _found.Sites.Require(composition);
        return composition;
    }

    private MethodHost Host(ulong seed) =>
        new(_found.Sites, "", "", "", [], 0, _found.Precision, _found.Device, seed)
        {
            Shared = _shared,
            Trained = value => new Parameter(value), // which TorchSharp's own optimizers take
        };

    // What one child's call is to see; null where nothing acts.
    private ForwardContext? Call()
    {
        if (Merged is not null) return null;
        var selection = _scope.Value ?? Selection;
        if (selection.Adapters.Count == 0) return null;
        var call = (ulong)Interlocked.Increment(ref _calls);
        return new() { Selection = selection, Training = Module.training, Seed = SeedSequence.Derive(_seed, $"call {call}") };
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    private sealed class Scope(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
