using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>How an adapter is laid out on disk.</summary>
public enum AdapterFormat
{
    /// <summary>Hugging Face peft: adapter_config.json and adapter_model.safetensors.</summary>
    Peft,
    /// <summary>AdapterHub: adapter_config.json and adapter.safetensors.</summary>
    AdapterHub,
}

/// <summary>One adapter: a method with its settings, its tensors and the plug-ins that it has placed at a model's sites.</summary>
/// <remarks>
/// Derived classes pick sites and slots in <see cref="OnAttach"/>; the hooks of the training loop do nothing by default.
/// Disposing an adapter detaches it.
/// </remarks>
public abstract class PeftMethod(string name) : IDisposable
{
    private const string PeftPrefix = "base_model.model.";

    private readonly List<AdapterTensor> _tensors = [];
    private readonly List<AdapterTensor> _frozen = [];
    private readonly List<Action> _undo = [];
    // Below, the tensors are compared one by one, which says more.
    private const long SmallestSaved = 1 << 20;

    private const long SmallestLimit = 1 << 24;

    private readonly HashSet<Slot> _copied = [];
    private readonly Dictionary<AdapterTensor, Action> _values = [];
    private MethodHost? _host;
    private bool _isPart;
    private double _asked;

    /// <summary>The adapter's name.</summary>
    public string Name => Tag.Name;

    /// <summary>Its identity at the sites; that of the whole where this is made a part of another adapter.</summary>
    public AdapterTag Tag
    {
        get;
        internal set
        {
            field = value;
            _isPart = true;
        }
    } = new(name);

    /// <summary>A text about the answers that is saved in the header of its weights, so that it travels with them; null for none.</summary>
    internal string? Card { get; set; }

    /// <summary>Its settings.</summary>
    public abstract MethodOptions Options { get; }

    /// <summary>Its trained tensors, in the order of the model.</summary>
    public IReadOnlyList<AdapterTensor> Tensors => _tensors;

    /// <summary>The tensors that its plug-ins read but that are never trained (<see cref="TensorRole.Frozen"/>); saved with the others.</summary>
    public IReadOnlyList<AdapterTensor> Frozen => _frozen;

    // What its files hold.
    private IEnumerable<AdapterTensor> Kept => _tensors.Concat(_frozen);

    /// <summary>Number of trained weights, head included.</summary>
    public long TrainedWeights => _tensors.Sum(t => t.Value.numel());

    /// <summary>Number of trained weights that belong to the head.</summary>
    public long HeadWeights => _tensors.Where(t => IsHead(t.Path)).Sum(t => t.Value.numel());

    /// <summary>Number of outputs per row (or token) of a call with this adapter: its own head's, or the base's.</summary>
    public int Outputs => Tag.Outputs ?? (int)(Host.HeadOutput?.OutFeatures ?? 0);

    /// <summary>The seams that it is attached to.</summary>
    protected internal MethodHost Host => _host ?? throw new InvalidOperationException($"Adapter {Name} is not attached to a model.");

    /// <summary>Places the plug-ins. If anything is refused, nothing stays changed.</summary>
    /// <exception cref="PeftException">The settings do not fit the model.</exception>
    public void Attach(MethodHost host)
    {
        if (_host is not null) throw new PeftException($"Adapter {Name} is already attached to a model; create another one.");
        Options.Validate();
        _host = host;
        if (!_isPart) (Tag.Uses, Tag.Outputs) = (new(), null);
        try
        {
            using var scope = NewDisposeScope();
            OnAttach(host);
            if (!_isPart) CheckHead(host);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>
    /// Takes every plug-in away; the base model is as it was. Calls that select the adapter are refused from now on; its tensors are released when
    /// the last call under way has ended.
    /// </summary>
    public void Detach()
    {
        if (_isPart) Release(); // the whole has seen to its calls
        else if (_host is not null) Tag.Uses.Close(Release);
    }

    /// <summary>Refuses an adapter whose tensors are gone.</summary>
    internal void RequireAttached()
    {
        if (_host is null || Tag.Uses.IsClosed)
            throw new PeftException($"The adapter \"{Name}\" was removed from its model and holds no tensors any more; save it before it is removed.");
    }

    /// <inheritdoc cref="Detach"/>
    public void Dispose()
    {
        Detach();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        for (var i = _undo.Count - 1; i >= 0; i--) _undo[i]();
        _undo.Clear();
        foreach (var undo in _values.Values) undo();
        _values.Clear();
        foreach (var t in Kept) t.Value.Dispose();
        _tensors.Clear();
        _frozen.Clear();
        _copied.Clear();
        _asked = 0;
        _host = null;
    }

    /// <summary>Picks sites and slots and creates plug-ins and tensors.</summary>
    protected abstract void OnAttach(MethodHost host);

    /// <summary>
    /// Looks at training data before the first step; what is trained may be other tensors afterwards. A method whose tensors were read from a
    /// file, or that has been prepared before, is left as it is.
    /// </summary>
    /// <exception cref="PeftException">The data or the task does not fit; nothing is changed then.</exception>
    public virtual void OnPrepare(PreparationData data) { }

    /// <summary>Adds to a loss, or computes another from a second forward.</summary>
    /// <param name="loss">The loss so far; what comes back keeps its weight.</param>
    /// <param name="call">The step, the call that gave the loss, and a way to a second one.</param>
    public virtual BatchLoss ComputeLoss(BatchLoss loss, LossCall call) => loss;

    /// <summary>After gradients are summed and clipped, before the optimizer's step.</summary>
    public virtual void AfterBackward(StepState step) { }

    /// <summary>Just before the optimizer's step.</summary>
    public virtual void BeforeStep(StepState step) { }

    /// <summary>After the optimizer's step, before gradients are cleared.</summary>
    public virtual void AfterStep(StepState step) { }

    /// <summary>State beside the trained tensors that a resumed run needs; number, shapes and types may change from step to step.</summary>
    public virtual IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor>();

    /// <summary>What such a run needs besides, as JSON (counts, phases, ranks); null for none.</summary>
    public virtual JsonNode? StateJson => null;

    /// <summary>
    /// Takes back what <see cref="State"/> and <see cref="StateJson"/> gave, before the trained tensors are restored: a method that changes the shape
    /// of its tensors in training brings them to the saved shapes here. By default copies into the tensors of the same names.
    /// </summary>
    /// <exception cref="PeftException">The state does not fit; nothing is changed then.</exception>
    public virtual void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        NamedTensors.Check(State, tensors, "the method's state");
        NamedTensors.Copy(State, tensors);
    }

    /// <summary>The name under which a tensor is saved; null leaves it out.</summary>
    /// <exception cref="PeftException">The method does not exist in that format.</exception>
    public virtual string? SavedName(AdapterTensor tensor, AdapterFormat format) => format == AdapterFormat.Peft
        ? $"{PeftPrefix}{tensor.Name}"
        : throw new PeftException($"{Options.PeftType} is not a method of AdapterHub; save it in the peft format.");

    /// <summary>The tensor's name in the reference library's live model, without the adapter's own name; reference numbers use it.</summary>
    public virtual string ReferenceName(AdapterTensor tensor, AdapterFormat format) => SavedName(tensor, format) ?? tensor.Name;

    /// <summary>What is saved, by name; belongs to the caller's scope where it is computed.</summary>
    public virtual IEnumerable<KeyValuePair<string, Tensor>> SavedTensors(AdapterFormat format)
    {
        foreach (var tensor in Kept)
            if (SavedName(tensor, format) is { } key) yield return new(key, tensor.IsTransposedOnDisk ? tensor.OnDisk.contiguous() : tensor.Value);
    }

    /// <summary>Takes saved tensors over.</summary>
    /// <exception cref="PeftException">One is missing, unexpected, or of another shape; nothing is changed then.</exception>
    public virtual void LoadTensors(IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format, string file)
    {
        TakeEmbeddings(saved, format, file);
        var expected = Kept.Select(t => (Tensor: t, Key: SavedName(t, format))).Where(t => t.Key is not null && !IsBasesOwn(t.Tensor, saved, format)).ToList();
        if (expected.FirstOrDefault(e => IsHead(e.Tensor.Path) && Host.Drawn.Contains(e.Tensor.Name) && !saved.ContainsKey(e.Key!)) is { Key: not null } drawn)
            throw new PeftException($"{file}: tensor \"{drawn.Key}\" is missing, and the base has no head of its own that could stand in for it; save the adapter again with its head.");
        foreach (var (tensor, key) in expected) RequireShape(saved, key!, tensor.OnDisk.shape, file);
        if (saved.Keys.Except(expected.Select(e => e.Key!)).FirstOrDefault(k => !MayLeaveOut(k, format) && !(format == AdapterFormat.Peft && IsBasesTable(k))) is { } stray)
            throw new PeftException($"{file}: tensor \"{stray}\" has no place in this model with these settings; the adapter was made for another base model or other settings.");
        using var guard = no_grad();
        foreach (var (tensor, key) in expected) tensor.OnDisk.copy_(saved[key!]);
    }

    // A head that stayed as it is in the base may be left out, if the settings do not name it; one that was drawn at random may not.
    private bool IsBasesOwn(AdapterTensor tensor, IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format) =>
        format == AdapterFormat.Peft && tensor.SavedModule && IsHead(tensor.Path) && Options.Source?["modules_to_save"] is null && Options.Source is not null
        && !Host.Drawn.Contains(tensor.Name) && !_tensors.Where(t => t.SavedModule && IsHead(t.Path)).Any(t => saved.ContainsKey(SavedName(t, format)!));

    // peft saves whole embedding tables that were resized or adapted: equal to the base's they say nothing, else they count.
    private void TakeEmbeddings(IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format, string file)
    {
        if (format != AdapterFormat.Peft) return;
        foreach (var slot in Host.Sites.Slots.Where(s => s.Kind == SlotKind.Embedding && !_tensors.Any(t => t.Name == s.Name)))
            foreach (var key in (string[])[$"{PeftPrefix}{slot.Name}", $"{PeftPrefix}{slot.Module}.base_layer.weight"])
            {
                if (!saved.TryGetValue(key, out var table)) continue;
                if (!table.shape.SequenceEqual(slot.Value.shape))
                    throw new PeftException($"{file}: tensor \"{key}\" has {table.shape[0]} rows and the base's table {slot.Value.shape[0]}: tokens were added in training; expected a base whose vocabulary was extended in the same way: save the extended base in Python and give that.");
                using var own = slot.Value.to(table.dtype);
                using var given = table.to(own.device);
                using var same = own.eq(given).all();
                if (!same.item<bool>()) TrainCopy(slot, key.EndsWith("base_layer.weight", StringComparison.Ordinal) ? "base_layer.weight" : null, savedModule: true);
            }
    }

    private bool IsBasesTable(string key) => Host.Sites.Slots.Any(s => s.Kind == SlotKind.Embedding
        && (key == $"{PeftPrefix}{s.Name}" || key == $"{PeftPrefix}{s.Module}.base_layer.weight"));

    /// <summary>The trained tensors of an encoder whose output is all that the format keeps; saved in a file of their own, so that training can go on.</summary>
    public IEnumerable<AdapterTensor> EncoderTensors(AdapterFormat format) => _tensors.Where(t => !t.SavedModule && SavedName(t, format) is null);

    /// <summary>True if the encoder's tensors are those that made its output; false where a file held the output alone.</summary>
    public virtual bool EncoderIsKnown => true;

    /// <summary>The encoder's own tensors were read: what it yields is to be computed again.</summary>
    public virtual void EncoderRestored() { }

    /// <summary>True if a saved tensor that has no place here may be left out (duplicates that a library writes).</summary>
    public virtual bool MayLeaveOut(string key, AdapterFormat format) => false;

    /// <summary>Refuses a saved tensor that is missing or of another shape.</summary>
    protected static void RequireShape(IReadOnlyDictionary<string, Tensor> saved, string key, long[] shape, string file)
    {
        if (!saved.TryGetValue(key, out var found))
            throw new PeftException($"{file}: tensor \"{key}\" is missing; the adapter was made for another base model or other settings.");
        if (!found.shape.SequenceEqual(shape))
            throw new PeftException($"{file}: tensor \"{key}\" has the shape [{string.Join(", ", found.shape)}]; this base model and these settings ask for [{string.Join(", ", shape)}].");
    }

    /// <summary>Adds a trained tensor; it lives until the adapter is detached.</summary>
    protected AdapterTensor Add(string path, string local, Tensor start, bool decay = true) => Add(path, local, start, decay, TensorRole.Trained, transposed: false);

    private AdapterTensor Add(string path, string local, Tensor start, bool decay, TensorRole role, bool transposed)
    {
        var value = start.to(Host.Precision, Host.Device).contiguous().detach();
        if (ReferenceEquals(value, start) || value.Handle == start.Handle) value = value.clone();
        value.requires_grad_(role != TensorRole.Frozen).DetachFromDisposeScope();
        var tensor = new AdapterTensor(path, local, value, decay) { Owner = Tag, Role = role, IsBuffer = role == TensorRole.Frozen && path.Length == 0, IsTransposedOnDisk = transposed };
        (role == TensorRole.Frozen ? _frozen : _tensors).Add(tensor);
        return tensor;
    }

    // A head for other labels than the base's starts anew.
    private Tensor StartOf(Slot slot)
    {
        var map = Host.HeadOutput;
        if (!Host.HasOwnOutputs || map is null || (slot != map.Weight && slot != map.Bias)) return slot.Copy();
        Tag.Outputs = Host.Outputs;
        return slot == map.Bias ? zeros(Host.Outputs!.Value) : Initial.Normal([Host.Outputs!.Value, map.InFeatures], 0.02, SeedOf(slot.Name));
    }

    // Weight and bias both, or the two do not fit each other.
    private void CheckHead(MethodHost host)
    {
        if (!host.HasOwnOutputs) return;
        Slot?[] needed = [host.HeadOutput?.Weight, host.HeadOutput?.Bias];
        if (host.HeadOutput is not null && needed.All(slot => slot is null || _tensors.Any(t => t.Name == slot.Name))) return;
        throw new PeftException(
            $"{Options.PeftType}: {host.Outputs} outputs were asked for, but the adapter trains no whole head of its own and the base's has "
            + $"{host.HeadOutput?.OutFeatures ?? 0}; load the base with as many labels, or train its head with the adapter.");
    }

    /// <summary>
    /// Adds a trained tensor whose size settings decide. Where its values are read from a file next, nothing is drawn, and the size is compared with
    /// the file before anything is made: a few bytes of settings may ask for gigabytes.
    /// </summary>
    /// <param name="path">The module.</param>
    /// <param name="local">The name in it.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="start">Makes the start value, of that shape.</param>
    /// <param name="decay">True if weight decay acts on it.</param>
    /// <param name="saved">False for a tensor that its file may lack (an encoder of which the output alone is kept).</param>
    /// <exception cref="PeftException">The settings ask for more than there can be.</exception>
    protected AdapterTensor Add(string path, string local, long[] shape, Func<Tensor> start, bool decay = true, bool saved = true) =>
        Add(path, local, shape, start, decay, saved, TensorRole.Trained);

    /// <summary>Adds a tensor that is read and never trained, under the same limits.</summary>
    /// <param name="path">The module; empty for the whole model, whose frozen tensors are buffers and no parameters.</param>
    /// <param name="local">The name in it.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="start">Makes the value, of that shape.</param>
    /// <param name="saved">False for one that its file lacks, for it can be made again.</param>
    /// <exception cref="PeftException">The settings ask for more than there can be.</exception>
    protected AdapterTensor AddFrozen(string path, string local, long[] shape, Func<Tensor> start, bool saved = true) =>
        Add(path, local, shape, start, decay: false, saved, TensorRole.Frozen);

    private AdapterTensor Add(string path, string local, long[] shape, Func<Tensor> start, bool decay, bool saved, TensorRole role)
    {
        var fromFile = Host.FromFile && saved;
        var asked = shape.Aggregate(1.0, (all, size) => all * size);
        var most = fromFile && Host.SavedNumbers is { } numbers ? Math.Max(SmallestSaved, numbers) : Math.Max(SmallestLimit, 4 * Host.Sites.Count);
        if (_asked + asked > most)
            throw new PeftException(
                $"{Options.PeftType}: the settings ask for the tensor \"{(path.Length == 0 ? local : $"{path}.{local}")}\" of shape [{string.Join(", ", shape)}], " + (fromFile
                    ? $"but the adapter's files hold {Host.SavedNumbers:N0} numbers in all; settings and tensors do not belong together."
                    : $"which with the others makes more than {most:N0} numbers, four times the base model; choose smaller sizes."));
        _asked += asked;
        return Add(path, local, fromFile ? zeros(shape, Host.Precision) : start(), decay, role, transposed: false);
    }

    /// <summary>Trains a copy of a base tensor in its place.</summary>
    protected AdapterTensor TrainCopy(Slot slot, string? local = null, bool savedModule = false)
    {
        var decay = slot.Kind is SlotKind.Weight or SlotKind.Embedding;
        var role = savedModule ? TensorRole.SavedModule : TensorRole.Copy;
        var copy = Add(slot.Module, local ?? slot.Name[(slot.Module.Length + 1)..], StartOf(slot), decay, role, slot is WeightSlot { IsTransposedOnDisk: true });
        _copied.Add(slot);
        _undo.Add(slot.ReplaceTensor(Tag, (_, context) => copy.Get(context)));
        return copy;
    }

    /// <summary>
    /// Trains some entries of a base tensor in their places: a vector [positions] that starts from their values. The others are read from the
    /// base, and an optimizer's state is as long as the vector.
    /// </summary>
    /// <param name="slot">The base tensor.</param>
    /// <param name="positions">Row-major positions in it, ascending, each once.</param>
    /// <returns>The vector, and the positions as a tensor that lives as long as it is trained.</returns>
    protected (AdapterTensor Values, Tensor Positions) TrainValues(Slot slot, long[] positions)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var index = torch.tensor(positions, ScalarType.Int64, device: Host.Device).DetachFromDisposeScope();
        var decay = slot.Kind is SlotKind.Weight or SlotKind.Embedding;
        var start = slot.Value.reshape(-1).index_select(0, index);
        var tensor = Add(slot.Module, $"{slot.Name[(slot.Module.Length + 1)..]}.values", start, decay, TensorRole.Copy, transposed: false);
        var undo = slot.ReplaceTensor(Tag, (value, context) =>
            value.reshape(-1).scatter(0, index, tensor.Get(context).to(value.dtype)).reshape(value.shape));
        _copied.Add(slot);
        _values.Add(tensor, () =>
        {
            undo();
            index.Dispose();
        });
        return (tensor, index);
    }

    /// <summary>Takes back what <see cref="TrainValues"/> did.</summary>
    protected void Untrain(AdapterTensor values)
    {
        if (!_values.Remove(values, out var undo)) return;
        undo();
        _tensors.Remove(values);
        values.Value.Dispose();
    }

    /// <summary>Says that these base tensors are this method's to train, so that another part of a composite that trains one is refused.</summary>
    protected void Claim(IEnumerable<Slot> slots) => _copied.UnionWith(slots);

    /// <summary>Trains copies of whole modules (peft's <c>modules_to_save</c>): the named ones and the head.</summary>
    /// <exception cref="PeftException">A named module does not exist in the model.</exception>
    protected void TrainModules(IReadOnlyList<string>? names, bool head = true)
    {
        var optional = head ? Host.HeadModules : [];
        foreach (var name in (names ?? []).Concat(optional).Distinct())
        {
            var slots = Host.Sites.Slots.Where(s => Targets.IsSavedModule(s.Module, name) && !_copied.Contains(s)).ToList();
            if (slots.Count == 0 && !optional.Contains(name) && !Host.Sites.Slots.Any(s => Targets.IsSavedModule(s.Module, name)) && name is not ("classifier" or "score" or "qa_outputs"))
                throw new PeftException($"\"modules_to_save\" names \"{name}\", but the model has no such module; its modules are listed by `peft info`.");
            foreach (var slot in slots) TrainCopy(slot, savedModule: true);
        }
    }

    /// <summary>The modules that are saved whole: the named ones and the head's, as peft lists them.</summary>
    protected IReadOnlyList<string>? ModulesWithHead(IReadOnlyList<string>? named) =>
        Host.HeadModules.Count == 0 ? named : [.. named ?? [], .. Host.HeadModules.Except(named ?? [])];

    /// <summary>Takes over the tensors of a part that another method made (a composite method).</summary>
    /// <exception cref="PeftException">It trains a copy of a base tensor of which another part trains one: only one of them would be read.</exception>
    private protected void Adopt(PeftMethod part)
    {
        if (part._copied.FirstOrDefault(_copied.Contains) is { } twice)
            throw new PeftException($"{Options.PeftType}: {part.Options.PeftType} trains \"{twice.Name}\", which another of its parts trains as well; let them act at different places, or leave one out.");
        _copied.UnionWith(part._copied);
        _tensors.AddRange(part.Tensors);
        _frozen.AddRange(part.Frozen);
        _undo.Add(() =>
        {
            part.Detach();
            _tensors.RemoveAll(t => t.Value.IsInvalid);
            _frozen.RemoveAll(t => t.Value.IsInvalid);
        });
    }

    /// <summary>Takes over what a part trains now, where that may be other tensors than it began with.</summary>
    private protected void AdoptAnew(PeftMethod part)
    {
        _tensors.RemoveAll(t => t.Value.IsInvalid);
        _tensors.AddRange(part.Tensors.Except(_tensors));
    }

    /// <summary>Places a plug-in; it is taken away when the adapter is detached.</summary>
    protected void Plug<T>(PluginList<T> plugins, T plugin) where T : class => _undo.Add(plugins.Add(Tag, plugin));

    /// <summary>Registers what <see cref="Detach"/> has to undo.</summary>
    protected void OnDetach(Action undo) => _undo.Add(undo);

    /// <summary>Seed of a start value, by name.</summary>
    protected ulong SeedOf(string name) => Interop.SeedSequence.Derive(Host.Seed, name);

    private bool IsHead(string path) => Host.HeadModules.Any(m => Targets.IsSavedModule(path, m));
}
