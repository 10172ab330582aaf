using PeftSharp.Quantization;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>What a base tensor is to the model; methods choose slots by it.</summary>
public enum SlotKind
{
    /// <summary>The weight of a linear map.</summary>
    Weight,
    /// <summary>The bias of a linear map.</summary>
    Bias,
    /// <summary>The scale of a norm.</summary>
    NormWeight,
    /// <summary>The shift of a norm.</summary>
    NormBias,
    /// <summary>An embedding table.</summary>
    Embedding,
}

/// <summary>A place where a model reads one of its tensors. Methods replace what it yields; the tensor itself is never overwritten.</summary>
public abstract class Slot(string name, SlotKind kind)
{
    /// <summary>The tensor's name in the Hugging Face model, for example <c>bert.pooler.dense.weight</c>.</summary>
    public string Name { get; } = name;

    /// <summary>What the tensor is.</summary>
    public SlotKind Kind { get; } = kind;

    /// <summary>The module that the tensor belongs to: its name without the last part.</summary>
    public string Module { get; } = name[..Math.Max(0, name.LastIndexOf('.'))];

    /// <summary>Number of elements of the base tensor.</summary>
    public abstract long Count { get; }

    /// <summary>Bytes that the base tensor takes as stored.</summary>
    public abstract long Bytes { get; }

    /// <summary>A dense copy of the base tensor, float32, owned by the caller: the start of a trained copy.</summary>
    public abstract Tensor Copy();

    /// <summary>The base tensor in dense form, for writing and comparing; borrowed where it is kept dense.</summary>
    public abstract Tensor Value { get; }

    /// <summary>True while a merged value stands in for the base.</summary>
    public abstract bool IsMerged { get; }

    /// <summary>True if no active adapter replaces what the slot yields in this call.</summary>
    public abstract bool IsPlain(ForwardContext context);

    /// <summary>Makes the slot yield a function of its base value while the adapter is active; the action undoes it.</summary>
    public abstract Action ReplaceTensor(AdapterTag owner, Func<Tensor, ForwardContext, Tensor> replace);

    /// <summary>Lets a merged value stand in for the base; the action puts the base back, bit for bit.</summary>
    public abstract Action Merge(Tensor merged);

    /// <summary>The value that an adapter's replacements give for every row, or null if it has none here.</summary>
    public abstract Tensor? Replaced(AdapterTag owner);
}

/// <summary>A slot that yields values of type <typeparamref name="T"/>.</summary>
public abstract class Slot<T>(string name, SlotKind kind, T value) : Slot(name, kind) where T : class
{
    private readonly List<(AdapterTag Owner, Func<T, ForwardContext, T> Replace)> _replacements = [];
    private T? _merged;

    /// <summary>The checkpoint's own value.</summary>
    public T Base { get; private set; } = value;

    /// <inheritdoc/>
    public override bool IsMerged => _merged is not null;

    /// <summary>Changes the form in which the base value is kept (precision, quantisation) before any adapter is attached.</summary>
    public void Store(T value) => Base = value;

    /// <inheritdoc/>
    public override bool IsPlain(ForwardContext context)
    {
        foreach (var (owner, _) in _replacements)
            if (context.Selection.Includes(owner)) return false;
        return true;
    }

    /// <summary>
    /// What the model is to read in this call: the base value, or what the active adapters make of it. Where the rows of
    /// the batch differ, the value has a leading row dimension: [rows, …].
    /// </summary>
    public T Get(ForwardContext context)
    {
        var value = _merged ?? Base;
        if (_replacements.Count == 0 || IsPlain(context)) return value;
        if (!context.Selection.IsPerRow) return Resolve(value, context.Selection.Adapters, context);

        var choices = new List<T> { value };
        var choice = new long[context.Selection.Rows];
        foreach (var adapter in context.Selection.Adapters)
        {
            if (!_replacements.Any(r => ReferenceEquals(r.Owner, adapter))) continue;
            foreach (var row in context.Selection.RowsOf(adapter)!) choice[row] = choices.Count;
            choices.Add(Resolve(value, [adapter], context));
        }
        return PerRow(choices, choice);
    }

    /// <summary>Replaces what the slot yields while the adapter is active; the action undoes it.</summary>
    public Action Replace(AdapterTag owner, Func<T, ForwardContext, T> replace)
    {
        var item = (owner, replace);
        _replacements.Add(item);
        return () => _replacements.Remove(item);
    }

    /// <summary>Lets a merged value stand in for the base; the action puts the base back.</summary>
    protected Action MergeValue(T merged)
    {
        if (_merged is not null) throw new PeftException($"{Name} already holds a merged adapter; unmerge that one first.");
        _merged = merged;
        return () => _merged = null;
    }

    /// <summary>What one adapter alone makes of the base value; null if it replaces nothing here.</summary>
    protected T? ReplacedValue(AdapterTag owner) =>
        _replacements.Any(r => ReferenceEquals(r.Owner, owner))
            ? Resolve(Base, [owner], new ForwardContext { Selection = AdapterSelection.Of(owner) })
            : null;

    /// <summary>Joins values into one with a leading row dimension.</summary>
    protected abstract T PerRow(IReadOnlyList<T> choices, long[] choice);

    private T Resolve(T value, IReadOnlyList<AdapterTag> adapters, ForwardContext context)
    {
        foreach (var adapter in adapters)
            foreach (var (owner, replace) in _replacements)
                if (ReferenceEquals(owner, adapter)) value = replace(value, context);
        return value;
    }

    private protected static Tensor Gather(IEnumerable<Tensor> choices, long[] choice)
    {
        var all = stack(choices);
        return all.index_select(0, tensor(choice, int64, device: all.device));
    }
}

/// <summary>A slot that yields a tensor: a bias, a norm's scale or shift, an embedding table.</summary>
public sealed class TensorSlot(string name, SlotKind kind, Tensor value) : Slot<Tensor>(name, kind, value)
{
    /// <inheritdoc/>
    public override long Count { get; } = value.numel();

    /// <inheritdoc/>
    public override long Bytes => Base.numel() * Base.element_size();

    /// <inheritdoc/>
    public override Tensor Value => Base;

    /// <inheritdoc/>
    public override Tensor Copy() => Base.detach().clone();

    /// <inheritdoc/>
    public override Action ReplaceTensor(AdapterTag owner, Func<Tensor, ForwardContext, Tensor> replace) => Replace(owner, replace);

    /// <inheritdoc/>
    public override Action Merge(Tensor merged) => MergeValue(merged);

    /// <inheritdoc/>
    public override Tensor? Replaced(AdapterTag owner) => ReplacedValue(owner);

    /// <inheritdoc/>
    protected override Tensor PerRow(IReadOnlyList<Tensor> choices, long[] choice) => Gather(choices, choice);
}

/// <summary>A slot that yields the weight store of a linear map.</summary>
public sealed class WeightSlot(string name, WeightStore value) : Slot<WeightStore>(name, SlotKind.Weight, value)
{
    /// <inheritdoc/>
    public override long Count { get; } = value.Count;

    /// <inheritdoc/>
    public override long Bytes => Base.Bytes;

    /// <inheritdoc/>
    public override Tensor Value => Base.Dense();

    /// <inheritdoc/>
    public override Tensor Copy() => Base.Dense().detach().clone();

    /// <inheritdoc/>
    public override Action ReplaceTensor(AdapterTag owner, Func<Tensor, ForwardContext, Tensor> replace) =>
        Replace(owner, (store, context) => new DenseStore(replace(store.Dense(), context)));

    /// <inheritdoc/>
    public override Action Merge(Tensor merged) => MergeValue(Base.Like(merged));

    /// <inheritdoc/>
    public override Tensor? Replaced(AdapterTag owner) => ReplacedValue(owner)?.Dense();

    /// <inheritdoc/>
    protected override WeightStore PerRow(IReadOnlyList<WeightStore> choices, long[] choice) =>
        new DenseStore(Gather(choices.Select(c => c.Dense()), choice));
}
