using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

// What an adapter is made of: tensors of its own, copies of the base's, whole modules, plug-ins, and how each is taken back.
public abstract partial class PeftMethod
{
    // Below, the tensors are compared one by one, which says more.
    private const long SmallestSaved = 1 << 20;

    private const long SmallestLimit = 1 << 24;

    /// <summary>Adds a trained tensor; it lives until the adapter is detached.</summary>
    protected AdapterTensor Add(string path, string local, Tensor start, bool decay = true) =>
        Add(path, local, start, decay, TensorRole.Trained, transposed: false);

    private AdapterTensor Add(
        string path, string local, Tensor start, bool decay, TensorRole role, bool transposed, string? sharedAs = null)
    {
        var tensor = new AdapterTensor(path, local, Leaf(start, role), decay)
        {
            Owner = Tag,
            Role = role,
            IsBuffer = role == TensorRole.Frozen && path.Length == 0,
            IsTransposedOnDisk = transposed,
            SharedAs = sharedAs,
        };
        (role == TensorRole.Frozen ? _frozen : _tensors).Add(tensor);
        return tensor;
    }

    // A tensor of the adapter's own, which lives until it is released.
    private Tensor Leaf(Tensor start, TensorRole role)
    {
        var value = start.to(Host.Precision, Host.Device).contiguous().detach();
        if (ReferenceEquals(value, start) || value.Handle == start.Handle) value = value.clone();
        if (role != TensorRole.Frozen) value = Host.Trained(value);
        return value.requires_grad_(role != TensorRole.Frozen).DetachFromDisposeScope();
    }

    // A head for other labels than the base's starts anew.
    private Tensor StartOf(Slot slot)
    {
        var map = Host.HeadOutput;
        if (!Host.HasOwnOutputs || map is null || (slot != map.Weight && slot != map.Bias)) return slot.Copy();
        Tag.Outputs = Host.Outputs;
        return slot == map.Bias
            ? zeros(Host.Outputs!.Value)
            : Initial.Normal([Host.Outputs!.Value, map.InFeatures], 0.02, SeedOf(slot.Name));
    }

    // Weight and bias both, or the two do not fit each other.
    private void CheckHead(MethodHost host)
    {
        if (!host.HasOwnOutputs) return;
        Slot?[] needed = [host.HeadOutput?.Weight, host.HeadOutput?.Bias];
        if (host.HeadOutput is not null && needed.All(slot => slot is null || _tensors.Any(t => t.Name == slot.Name))) return;
        throw new PeftException(
            $"{Options.PeftType}: {host.Outputs} outputs were asked for, but the adapter trains no whole head of its own and the "
            + "base's has "
            + $"{host.HeadOutput?.OutFeatures ?? 0}; load the base with as many labels, or train its head with the adapter.");
    }

    /// <summary>
    /// Adds a trained tensor whose size settings decide. Where its values are read from a file next, nothing is drawn, and the size is
    /// compared with the file before anything is made: a few bytes of settings may ask for gigabytes.
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
    /// <param name="shared">True keeps it once for all adapters of the model that have the same numbers under this name; the method never
    /// writes into it then.</param>
    /// <exception cref="PeftException">The settings ask for more than there can be.</exception>
    protected AdapterTensor AddFrozen(
        string path, string local, long[] shape, Func<Tensor> start, bool saved = true, bool shared = false) =>
        Add(path, local, shape, start, decay: false, saved, TensorRole.Frozen, shared ? SharedName("", path, local) : null);

    private AdapterTensor Add(
        string path, string local, long[] shape, Func<Tensor> start, bool decay, bool saved, TensorRole role, string? sharedAs = null)
    {
        var fromFile = Host.FromFile && saved;
        Allow(path, local, shape, fromFile);
        var value = fromFile ? zeros(shape, Host.Precision) : start();
        return Add(path, local, value, decay, role, transposed: false, sharedAs);
    }

    private void Allow(string path, string local, long[] shape, bool fromFile)
    {
        var asked = shape.Aggregate(1.0, (all, size) => all * size);
        var most = fromFile && Host.SavedNumbers is { } numbers
            ? Math.Max(SmallestSaved, numbers)
            : Math.Max(SmallestLimit, 4 * Host.Sites.Count);
        if (_asked + asked > most)
            throw new PeftException(
                $"{Options.PeftType}: the settings ask for the tensor \"{(path.Length == 0 ? local : $"{path}.{local}")}\" of shape "
                + $"[{string.Join(", ", shape)}], "
                    + (fromFile
                    ? $"but the adapter's files hold {Host.SavedNumbers:N0} numbers in all; settings and tensors do not belong together."
                    : $"which with the others makes more than {most:N0} numbers, four times the base model; choose smaller sizes."));
        _asked += asked;
    }

    /// <summary>Trains a copy of a base tensor in its place.</summary>
    protected internal AdapterTensor TrainCopy(Slot slot, string? local = null, bool savedModule = false)
    {
        var decay = slot.Kind is SlotKind.Weight or SlotKind.Embedding;
        var role = savedModule ? TensorRole.SavedModule : TensorRole.Copy;
        var copy = Add(
            slot.Module, local ?? slot.Name[(slot.Module.Length + 1)..], StartOf(slot), decay, role,
            slot is WeightSlot { IsTransposedOnDisk: true });
        _copied.Add(slot);
        OnUntrain(copy, slot.ReplaceTensor(Tag, (_, context) => copy.Get(context)));
        return copy;
    }

    /// <summary>
    /// Trains some entries of a base tensor in their places: a vector [positions] that starts from their values. The others are read from
    /// the base, and an optimizer's state is as long as the vector.
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
        var undo = slot.ReplaceEntries(Tag, new(index, tensor.Get));
        _copied.Add(slot);
        OnUntrain(tensor, () =>
        {
            undo();
            index.Dispose();
        });
        return (tensor, index);
    }

    /// <summary>
    /// Takes back what <see cref="TrainValues"/> or <see cref="TrainCopy"/> did, or an added tensor with what <see cref="OnUntrain"/> was
    /// told.
    /// </summary>
    protected void Untrain(AdapterTensor tensor)
    {
        if (_untrain.Remove(tensor, out var undo)) undo();
        _tensors.Remove(tensor);
        tensor.Release();
    }

    /// <summary>What has to be undone when a tensor is not trained any more, at the latest when the adapter is detached.</summary>
    private protected void OnUntrain(AdapterTensor tensor, Action undo) => _untrain.Add(tensor, undo);

    /// <summary>
    /// Says that these base tensors are this method's to train, so that another part of a composite that trains one is refused.
    /// </summary>
    protected void Claim(IEnumerable<Slot> slots) => _copied.UnionWith(slots);

    /// <summary>Trains copies of whole modules (peft's <c>modules_to_save</c>): the named ones and the head.</summary>
    /// <exception cref="PeftException">A named module does not exist in the model.</exception>
    protected void TrainModules(IReadOnlyList<string>? names, bool head = true)
    {
        var optional = head ? Host.HeadModules : [];
        foreach (var name in (names ?? []).Concat(optional).Distinct())
        {
            var slots = Host.Sites.Slots.Where(s => Targets.IsSavedModule(s.Module, name) && !_copied.Contains(s)).ToList();
            if (
                slots.Count == 0 && !optional.Contains(name) && !Host.Sites.Slots.Any(s => Targets.IsSavedModule(s.Module, name))
                    && name is not ("classifier" or "score" or "qa_outputs"))
                throw new PeftException(
                    $"\"modules_to_save\" names \"{name}\", but the model has no such module; its modules are listed by `peft info`.");
            foreach (var slot in slots) TrainCopy(slot, savedModule: true);
        }
    }

    /// <summary>The modules that are saved whole: the named ones and the head's, as peft lists them.</summary>
    protected IReadOnlyList<string>? ModulesWithHead(IReadOnlyList<string>? named) =>
        Host.HeadModules.Count == 0 ? named : [.. named ?? [], .. Host.HeadModules.Except(named ?? [])];

    /// <summary>Takes over the tensors of a part that another method made (a composite method).</summary>
    /// <exception cref="PeftException">It trains a copy of a base tensor of which another part trains one: only one of them would be
    /// read.</exception>
    private protected void Adopt(PeftMethod part)
    {
        if (part._copied.FirstOrDefault(_copied.Contains) is { } twice)
            throw new PeftException(
                $"{Options.PeftType}: {part.Options.PeftType} trains \"{twice.Name}\", which another of its parts trains as well; let them "
                + "act at different places, or leave one out.");
        _copied.UnionWith(part._copied);
        _tensors.AddRange(part.Tensors);
        _frozen.AddRange(part.Frozen);
        _undo.Add(() =>
        {
            part.Detach();
            _tensors.RemoveAll(t => t.IsReleased);
            _frozen.RemoveAll(t => t.IsReleased);
        });
    }

    /// <summary>Takes over what a part trains now, where that may be other tensors than it began with.</summary>
    private protected void AdoptAnew(PeftMethod part)
    {
        _tensors.RemoveAll(t => t.IsReleased);
        _tensors.AddRange(part.Tensors.Except(_tensors));
    }

    /// <summary>
    /// Takes a tensor out of what a part trains and saves: it is read through its slot as before, in which something else stands in for it.
    /// Releasing it is the caller's.
    /// </summary>
    private protected void Withdraw(PeftMethod part, AdapterTensor tensor)
    {
        part._tensors.Remove(tensor);
        _tensors.Remove(tensor);
    }

    /// <summary>
    /// Keeps the tensors of a part as they are: its plug-ins read them, nothing trains them, and they are saved with the rest.
    /// </summary>
    private protected void Freeze(PeftMethod part)
    {
        foreach (var tensor in part._tensors)
        {
            tensor.Role = TensorRole.Frozen;
            tensor.Value.requires_grad_(false);
        }
        part._frozen.AddRange(part._tensors);
        _frozen.AddRange(part._tensors);
        _tensors.RemoveAll(part._tensors.Contains);
        part._tensors.Clear();
    }

    /// <summary>Places a plug-in; it is taken away when the adapter is detached.</summary>
    protected void Plug<T>(PluginList<T> plugins, T plugin) where T : class => _undo.Add(plugins.Add(Tag, plugin));

    /// <summary>Registers what <see cref="Detach"/> has to undo.</summary>
    protected void OnDetach(Action undo) => _undo.Add(undo);

    /// <summary>Seed of a start value, by name.</summary>
    protected ulong SeedOf(string name) => Interop.SeedSequence.Derive(Host.Seed, name);

    // True for the modules of the head.
    internal bool IsHead(string path) => Host.HeadModules.Any(m => Targets.IsSavedModule(path, m));
}
