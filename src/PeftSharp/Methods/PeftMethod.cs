using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>One adapter: a method with its settings, its tensors and the plug-ins that it has placed at a model's sites.</summary>
/// <remarks>
/// Derived classes pick sites and slots in <see cref="OnAttach"/>; the hooks of the training loop do nothing by default.
/// Disposing an adapter detaches it.
/// </remarks>
public abstract partial class PeftMethod(string name) : IDisposable
{
    private readonly List<AdapterTensor> _tensors = [];
    private readonly List<AdapterTensor> _frozen = [];
    private readonly List<Action> _undo = [];
    private readonly HashSet<Slot> _copied = [];
    private readonly Dictionary<AdapterTensor, Action> _untrain = [];
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

    /// <summary>
    /// The tensors that its plug-ins read but that are never trained (<see cref="TensorRole.Frozen"/>); saved with the others.
    /// </summary>
    public IReadOnlyList<AdapterTensor> Frozen => _frozen;

    // What its files hold.
    internal IEnumerable<AdapterTensor> Kept => _tensors.Concat(_frozen);

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
            if (!host.FromFile) Share();
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>
    /// Takes every plug-in away; the base model is as it was. Calls that select the adapter are refused from now on; its tensors are
    /// released when the last call under way has ended.
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
            throw new PeftException(
                $"The adapter \"{Name}\" was removed from its model and holds no tensors any more; save it before it is removed.");
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
        foreach (var undo in _untrain.Values) undo();
        _untrain.Clear();
        foreach (var tensor in Kept) tensor.Release();
        _tensors.Clear();
        _frozen.Clear();
        _copied.Clear();
        _asked = 0;
        _host = null;
    }

    /// <summary>Picks sites and slots and creates plug-ins and tensors.</summary>
    protected abstract void OnAttach(MethodHost host);

    /// <summary>
    /// Looks at training data before the first step; what is trained may be other tensors afterwards. A method whose tensors were read from
    /// a file, or that has been prepared before, is left as it is.
    /// </summary>
    /// <exception cref="PeftException">The data or the task does not fit; nothing is changed then.</exception>
    public virtual void OnPrepare(PreparationData data) { }

    /// <summary>
    /// The phases that training goes through, in their order; empty (default) for one without a border. The first begins with the run.
    /// </summary>
    public virtual IReadOnlyList<TrainingPhase> Phases => [];

    /// <summary>
    /// True if the borders of the phases change how the head is trained, or put it back: heads that other adapters hold would not follow.
    /// </summary>
    internal virtual bool PhasesReachHead => false;

    /// <summary>A later phase begins, before its first step; what is trained may be other tensors afterwards.</summary>
    /// <param name="phase">Its index in <see cref="Phases"/>.</param>
    public virtual void OnPhase(int phase) { }

    /// <summary>
    /// For an estimate of memory and time: lets what the costliest phase of a run trains be trained, until the action that is returned goes
    /// back to the start; null (default) where that is what is trained anyway.
    /// </summary>
    internal virtual Action? Rehearse() => null;

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
    /// Takes back what <see cref="State"/> and <see cref="StateJson"/> gave, before the trained tensors are restored: a method that changes
    /// the shape of its tensors in training brings them to the saved shapes here. By default copies into the tensors of the same names.
    /// </summary>
    /// <exception cref="PeftException">The state does not fit; nothing is changed then.</exception>
    public virtual void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        NamedTensors.Check(State, tensors, "the method's state");
        NamedTensors.Copy(State, tensors);
    }

    /// <summary>How it lies in files of a format.</summary>
    /// <exception cref="PeftException">The method, or what was made of it here, does not exist in that format.</exception>
    internal AdapterLayout Layout(AdapterFormat format) =>
        Refusal(format) is { } sentence ? throw new PeftException(sentence) : Options.Layouts.First(l => l.Format == format);

    /// <summary>Why it cannot be saved in a format, as one sentence; null where it can.</summary>
    public string? Refusal(AdapterFormat format) =>
        Options.Layouts.FirstOrDefault(l => l.Format == format) is { } layout ? layout.Refusal(this) : Options.Refusal(format);

    /// <summary>True if the encoder's tensors are those that made its output; false where a file held the output alone.</summary>
    public virtual bool EncoderIsKnown => true;

    /// <summary>The encoder's own tensors were read: what it yields is to be computed again.</summary>
    public virtual void EncoderRestored() { }
}
