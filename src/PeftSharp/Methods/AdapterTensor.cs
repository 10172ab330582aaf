using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>
/// One tensor of an adapter. Plug-ins read it through <see cref="Slot"/>, so that other methods can mask, share or slice it.
/// </summary>
/// <param name="path">The module that it belongs to, for example <c>bert.encoder.layer.0.attention.self.query</c>; empty for the whole
/// model.</param>
/// <param name="local">Its name there, for example <c>lora_A.weight</c>.</param>
/// <param name="value">The tensor; a leaf that requires a gradient where it is trained.</param>
/// <param name="decay">False for biases and norms, which weight decay leaves alone.</param>
public sealed class AdapterTensor(string path, string local, Tensor value, bool decay) : ITensorSource
{
    private SharedArtifacts? _artifacts;
    private SharedTensor? _held;

    /// <summary>The module's path.</summary>
    public string Path { get; } = path;

    /// <summary>The name inside the module.</summary>
    public string Local { get; } = local;

    /// <summary>Unique name inside the adapter.</summary>
    public string Name => Scope + (Path.Length == 0 ? Local : $"{Path}.{Local}");

    /// <summary>Tells tensors of two parts of a composite method apart that would have one name; empty elsewhere.</summary>
    internal string Scope { get; set; } = "";

    /// <summary>The tensor itself.</summary>
    public Tensor Value { get; private set; } = value;

    /// <summary>True if weight decay acts on it.</summary>
    public bool Decay { get; } = decay;

    /// <summary>The parameter group that it is trained in; empty (default) for the common one.</summary>
    public string Group { get; internal set; } = "";

    /// <summary>What the learning rate is multiplied by for it; above 0; default 1.</summary>
    public double RateFactor { get; internal set; } = 1;

    /// <summary>Where plug-ins read it.</summary>
    public TensorSlot Slot { get; } = new(path.Length == 0 ? local : $"{path}.{local}", SlotKind.Weight, value);

    /// <summary>The adapter that it belongs to.</summary>
    internal AdapterTag? Owner
    {
        get => Slot.Owner;
        init => Slot.Owner = value;
    }

    /// <summary>What it is to the adapter; default: trained.</summary>
    public TensorRole Role { get; internal set; }

    /// <summary>
    /// True if it stands beside the base's weights and adds to the model's size; false if it takes the place of one, or is a buffer.
    /// </summary>
    public bool Additional => Role != TensorRole.Copy && !IsBuffer;

    /// <summary>True for a frozen tensor that the reference library counts among no parameters.</summary>
    internal bool IsBuffer { get; init; }

    /// <summary>True if it is a trained copy of a module that peft lists under <c>modules_to_save</c>.</summary>
    public bool SavedModule => Role == TensorRole.SavedModule;

    /// <summary>True if files keep it as [in, out], as they do the weight that it stands for (GPT-2).</summary>
    internal bool IsTransposedOnDisk { get; init; }

    /// <summary>The value as files keep it; a view where it is turned.</summary>
    internal Tensor OnDisk => IsTransposedOnDisk ? Value.t() : Value;

    /// <summary>True if other adapters of the model read this very tensor: what one changes of it, all of them see.</summary>
    public bool IsShared => _held?.Holders > 1;

    /// <summary>How many adapters of the model read it.</summary>
    internal int Holders => _held?.Holders ?? 1;

    /// <summary>The name under which it may be shared with other adapters of the model; null (default) for a tensor of its own.</summary>
    internal string? SharedAs { get; init; }

    /// <summary>True once it was released, though another adapter may hold the tensor still.</summary>
    internal bool IsReleased { get; private set; }

    /// <summary>Takes another tensor in place of its own, of other sizes: before training, and where a run goes on.</summary>
    internal void Resize(Tensor value)
    {
        var trained = Value.requires_grad;
        Value.Dispose();
        Take(value.requires_grad_(trained).DetachFromDisposeScope());
    }

    /// <summary>Shares it with the adapters that have the same numbers under its name.</summary>
    internal void Share(SharedArtifacts artifacts)
    {
        if (SharedAs is null || _held is not null) return;
        Hold(artifacts, artifacts.Hold(SharedAs, Value));
    }

    /// <summary>Reads from now on what adapters hold together.</summary>
    internal void Hold(SharedArtifacts artifacts, SharedTensor held)
    {
        (_artifacts, _held) = (artifacts, held);
        Take(held.Value);
    }

    /// <summary>Makes it a tensor of its own, before other numbers are written into it.</summary>
    internal void Unshare()
    {
        if (_held is null) return;
        Take(_artifacts!.Leave(_held));
        _held = null;
    }

    /// <summary>Releases the tensor, unless others hold it.</summary>
    internal void Release()
    {
        if (IsReleased) return;
        IsReleased = true;
        if (_held is null) Value.Dispose();
        else _artifacts!.Release(_held);
        _held = null;
    }

    private void Take(Tensor value)
    {
        Value = value;
        Slot.Store(value);
    }

    /// <summary>The value in this call.</summary>
    public Tensor Get(ForwardContext context) => Slot.Get(context);
}
