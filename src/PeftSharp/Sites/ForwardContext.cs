using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Everything a forward pass needs to know besides its input, passed explicitly.</summary>
/// <remarks>
/// It never changes: a model works on a copy of its own for each call, so that one context may serve any number of calls and threads.
/// </remarks>
public sealed record ForwardContext
{
    private Dictionary<object, Tensor> _once = new(ReferenceEqualityComparer.Instance);

    // Shared by all copies of a call's context.
    private Dictionary<(object Key, AdapterSelection Part), Tensor> _carried = [];

    // Names under which parts of this padding are kept, where it is not the call's first one.
    private Dictionary<object, object>? _paddingKeys;

    /// <summary>Which adapters act on which rows.</summary>
    public AdapterSelection Selection { get; init; } = AdapterSelection.None;

    /// <summary>True while training: dropout draws, gradients are wanted.</summary>
    public bool Training { get; init; }

    /// <summary>Where training stands; null outside training. What a method draws once for a whole step derives from it.</summary>
    public StepState? Step { get; init; }

    /// <summary>Seed of this micro-step. Each site derives its own by name, so a recomputed forward draws the same numbers.</summary>
    public ulong Seed { get; init; }

    /// <summary>False switches off the frozen base's own dropout in training; adapters keep theirs.</summary>
    public bool BaseDropout { get; init; } = true;

    /// <summary>
    /// The lowest layers (embeddings with them) in which the base's own dropout is off even so, as a cached trunk has it; 0 (default) for
    /// none.
    /// </summary>
    public int LayersWithoutDropout { get; init; }

    /// <summary>True recomputes each layer's activations in the backward pass instead of keeping them.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>True if layers of this call are computed again in its backward pass; without gradients there is none.</summary>
    internal bool RecomputesLayers => Checkpointing && is_grad_enabled();

    /// <summary>
    /// The only adapter whose tensors get gradients, while others act and stay as they are; null (default) for every adapter.
    /// </summary>
    public AdapterTag? Trained { get; init; }

    /// <summary>Hears how much each adapter of a fusion counts; null (default) for nobody.</summary>
    public IFusionListener? FusionListener { get; init; }

    /// <summary>Hears how far learned gates are open; null (default) for nobody.</summary>
    public IGateListener? GateListener { get; init; }

    /// <summary>True if the last layer's output is wanted at every position, and not only where the head reads.</summary>
    public bool AllTokens { get; init; }

    /// <summary>
    /// Keys and values of earlier calls, which this one goes on from and adds to: its batch holds new tokens alone. Null (default) for
    /// none. Without gradients, for decoders, and for adapters that act on each token by itself or on what comes before it.
    /// </summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>
    /// True if the next token alone is asked for: logits of the last real token of each row, [rows, 1, vocabulary]. Default false.
    /// </summary>
    public bool LastToken { get; init; }

    /// <summary>Which of several tasks of a joint run the rows belong to, from 0; null (usual) for none. The batch says so.</summary>
    public int? Task { get; private init; }

    /// <summary>Where the model computes; the model says so when the call begins.</summary>
    public Device Device { get; private init; } = CPU;

    /// <summary>True once a model has begun a call with it.</summary>
    internal bool InCall { get; private init; }

    /// <summary>What was written into the weights when the call began; null for nothing.</summary>
    internal MergedWeights? Merged { get; private init; }

    /// <summary>
    /// 1 at real tokens of what the layers read, virtual ones included, int64 [rows, tokens], of the rows of this call; null where nothing
    /// is padded. The model says so when the layers begin.
    /// </summary>
    public Tensor? Padding { get; internal set; }

    /// <summary>
    /// Real tokens of each row that earlier calls with the same cache took in, virtual ones included, int64 [rows or 1, 1]; null for none.
    /// The model says so when the layers begin.
    /// </summary>
    internal Tensor? Earlier { get; set; }

    /// <summary>
    /// Which sequence of its row each token belongs to, from 1, int64 [rows, tokens], 0 at padding, where rows hold several; null where
    /// each holds one. The model says so when the layers begin.
    /// </summary>
    public Tensor? Segments { get; internal set; }

    /// <summary>True if no position may be skipped, by the caller's wish or an active adapter's.</summary>
    public bool NeedsAllTokens => AllTokens || Selection.HasSplit || Selection.Adapters.Any(a => a.NeedsAllTokens);

    /// <summary>True in a first pass without gradients, of whose last states an adapter makes its weights for the call itself.</summary>
    internal bool Scouting { get; private init; }

    /// <summary>What that pass found; null where no active adapter asks for one.</summary>
    internal ScoutedStates? Scouted { get; init; }

    /// <summary>True if an active adapter asks for a first pass.</summary>
    internal bool NeedsScout => Selection.Adapters.Any(a => a.NeedsScout);

    /// <summary>Computes something once per call, for plug-ins that share it over layers; it is released with the call.</summary>
    public Tensor Once(object key, Func<Tensor> compute) =>
        _once.TryGetValue(key, out var found) ? found : _once[key] = compute().DetachFromDisposeScope();

    /// <summary>
    /// What a plug-in left for those behind later layers, of the same rows and the same part of the selection; null where nothing was left.
    /// </summary>
    /// <param name="key">The name under which it was left.</param>
    internal Tensor? Carried(object key) => _carried.GetValueOrDefault((key, Selection));

    /// <summary>
    /// Leaves a tensor for plug-ins behind later layers of this call, instead of what was left before; its graph goes on with it. An
    /// adapter that does so says it (<see cref="AdapterTag.CarryState"/>).
    /// </summary>
    internal void Carry(object key, Tensor value)
    {
        if (_carried.Remove((key, Selection), out var before)) before.Dispose();
        _carried.Add((key, Selection), value.DetachFromDisposeScope());
    }

    /// <summary>Index tensor (int64) of the rows that a part of the selection acts on; null means every row.</summary>
    internal Tensor? RowsOf(SelectionPart part) => part.Rows is { } rows ? Once(part, () => tensor(rows, int64, device: Device)) : null;

    /// <summary>
    /// The same call for tokens of another sequence (a decoder's, or those that it attends to), with a padding of their own.
    /// </summary>
    internal ForwardContext WithPadding(Tensor? padding) =>
        this with { Padding = padding, _paddingKeys = new(ReferenceEqualityComparer.Instance) };

    private object KeyOfPadding(object key)
    {
        if (_paddingKeys is null) return key;
        return _paddingKeys.TryGetValue(key, out var own) ? own : _paddingKeys[key] = new object();
    }

    /// <summary>The context of one call, which shares nothing with others made of the same.</summary>
    internal ForwardContext Begin(Device device, MergedWeights? merged, int? task = null) =>
        this with
        {
            InCall = true,
            Device = device,
            Merged = merged,
            Task = task,
            // What is carried from layer to layer is not there when one of them is computed again.
            Checkpointing = Checkpointing && !Selection.Adapters.Any(adapter => adapter.CarriesState),
            _once = new(ReferenceEqualityComparer.Instance),
            _carried = [],
        };

    /// <summary>
    /// The first pass of the call: of the same tokens and the same adapters (the base alone where none would change anything), heard by
    /// nobody and kept for no backward pass. It shares nothing with the call itself.
    /// </summary>
    internal ForwardContext AsScout() =>
        this with
        {
            Scouting = true,
            Selection = Selection.Adapters.All(adapter => adapter.ScoutsBase) ? AdapterSelection.None : Selection,
            AllTokens = true,
            Checkpointing = false,
            Cache = Cache?.FirstPass,
            LastToken = false,
            FusionListener = null,
            GateListener = null,
            _once = new(ReferenceEqualityComparer.Instance),
            _carried = [],
        };

    /// <summary>Lets go of what the call shared; the graph keeps what the backward pass needs.</summary>
    internal void Release()
    {
        foreach (var tensor in _once.Values) tensor.Dispose();
        _once.Clear();
        foreach (var tensor in _carried.Values) tensor.Dispose();
        _carried.Clear();
    }

    /// <summary>The same call once more, for a part of the model that is computed again: nothing computed before is shared.</summary>
    public ForwardContext Recompute() => this with { _once = new(ReferenceEqualityComparer.Instance) };

    /// <summary>
    /// The call as layer <paramref name="layer"/> sees it (-1: the embeddings): without the base's dropout in the quiet ones, without
    /// adapters in those that the selection's rule names.
    /// </summary>
    internal ForwardContext At(int layer)
    {
        var quiet = BaseDropout && layer < LayersWithoutDropout && LayersWithoutDropout > 0;
        var bare = Selection.Drop?.Skips(layer, this) == true;
        if (!quiet && !bare) return this;
        return this with { BaseDropout = BaseDropout && !quiet, Selection = bare ? AdapterSelection.None : Selection };
    }

    /// <summary>The same call for vectors that belong to no token and have no padding, on their way through a layer's maps.</summary>
    internal ForwardContext ForVectors() =>
        this with { Padding = null, Scouted = Scouted is { } found ? found with { OfWholeRows = true } : null };

    /// <summary>The same call for rows on which no adapter acts.</summary>
    internal ForwardContext WithoutAdapters() => this with { Selection = AdapterSelection.None };

    /// <summary>The same call for a plug-in that is handed only the rows of its own part of the selection.</summary>
    /// <param name="part">The part.</param>
    /// <param name="scope">What the plug-in sees of it; null for the whole.</param>
    internal ForwardContext For(SelectionPart part, AdapterSelection? scope = null)
    {
        if (part.Rows is null) return scope is null ? this : this with { Selection = scope };
        var padding = Padding is { } all ? Once(KeyOfPadding(part.PaddingKey), () => all.index_select(0, RowsOf(part)!)) : null;
        var earlier = Earlier is { } counts && counts.shape[0] > 1
            ? Once(part.EarlierKey, () => counts.index_select(0, RowsOf(part)!))
            : Earlier;
        return this with
        {
            Selection = scope ?? part.Tree.Alone,
            Padding = padding,
            Earlier = earlier,
            Scouted = Scouted is { } found ? found with { Rows = RowsOf(part) } : null,
        };
    }

    /// <summary>The same call, of the same rows, for a part of a composition.</summary>
    internal ForwardContext Within(AdapterComposition part) => this with { Selection = part.Alone };
}
