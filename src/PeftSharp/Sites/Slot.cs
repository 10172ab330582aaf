using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>
/// A place where a model reads one of its tensors. Methods replace what it yields; the tensor itself is never overwritten.
/// </summary>
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
    internal abstract long Bytes { get; }

    /// <summary>A dense copy of the base tensor, float32, owned by the caller: the start of a trained copy.</summary>
    public abstract Tensor Copy();

    /// <summary>The base tensor in dense form, for writing and comparing; borrowed where it is kept dense.</summary>
    public abstract Tensor Value { get; }

    /// <summary>The model's slots, this among them; null for a slot of an adapter's.</summary>
    internal SiteMap? Map { get; set; }

    /// <summary>True while a merged value stands in for the base.</summary>
    internal bool IsMerged => Map?.Merged?.Of(this) is not null;

    /// <summary>The merged value that stands in for the base in a call; outside calls, at present.</summary>
    private protected object? MergedIn(ForwardContext context) => (context.InCall ? context.Merged : Map?.Merged)?.Of(this);

    /// <summary>True if the slot yields its base value in this call: no active adapter replaces it, and none is merged into it.</summary>
    internal abstract bool IsPlain(ForwardContext context);

    /// <summary>Makes the slot yield a function of its base value while the adapter is active; the action undoes it.</summary>
    public abstract Action ReplaceTensor(AdapterTag owner, Func<Tensor, ForwardContext, Tensor> replace);

    /// <summary>Makes the slot yield other values at some entries of its base value while the adapter is active.</summary>
    internal abstract Action ReplaceEntries(AdapterTag owner, EntryPatch patch);

    /// <summary>
    /// A merged value in the form in which the slot keeps its own; what is returned belongs to the caller and to no dispose scope.
    /// </summary>
    internal abstract IDisposable Keep(Tensor merged);

    /// <summary>Releases the base value.</summary>
    internal abstract void Release();

    /// <summary>The value that an adapter's replacements give for every row, or null if it has none here.</summary>
    internal Tensor? Replaced(AdapterTag owner) => Replaced(owner.Single);

    /// <summary>The value that the replacements of several adapters together give for every row, or null if they have none here.</summary>
    internal abstract Tensor? Replaced(AdapterComposition composition);
}

/// <summary>A slot that yields values of type <typeparamref name="T"/>.</summary>
public abstract class Slot<T>(string name, SlotKind kind, T value) : Slot(name, kind) where T : class, IDisposable
{
    private readonly AdapterTable<Func<T, ForwardContext, T>> _replacements = new();

    /// <summary>The checkpoint's own value.</summary>
    public T Base { get; private set; } = value;

    /// <summary>Changes the form in which the base value is kept (precision, quantisation) before any adapter is attached.</summary>
    internal void Store(T value) => Base = value;

    /// <inheritdoc/>
    internal override bool IsPlain(ForwardContext context) => MergedIn(context) is null && !_replacements.AnyOf(context.Selection);

    /// <summary>
    /// What the model is to read in this call: the base value, or what the active adapters make of it. Where the rows of
    /// the batch differ, the value has a leading row dimension: [rows, …].
    /// </summary>
    internal virtual T Get(ForwardContext context)
    {
        var value = Unreplaced(context);
        if (!_replacements.AnyOf(context.Selection)) return value;
        var parts = context.Selection.Parts;
        if (!context.Selection.IsPerRow) return Resolve(parts[0].Tree, value, context);

        var choices = new List<T> { value };
        var choice = new long[context.Selection.Rows];
        foreach (var part in parts)
        {
            if (!Replaces(part.Tree)) continue;
            foreach (var row in part.Rows!) choice[row] = choices.Count;
            choices.Add(Resolve(part.Tree, value, context.For(part)));
        }
        return PerRow(choices, choice);
    }

    /// <summary>Replaces what the slot yields while the adapter is active; the action undoes it.</summary>
    internal Action Replace(AdapterTag owner, Func<T, ForwardContext, T> replace) => _replacements.Add(owner, replace);

    /// <inheritdoc/>
    internal override void Release() => Base.Dispose();

    /// <summary>What stands for the base before any adapter acts: a merged value, or the base itself.</summary>
    private protected T Unreplaced(ForwardContext context) => MergedIn(context) as T ?? Base;

    /// <summary>How many replacements an adapter has here.</summary>
    private protected int Replacements(AdapterTag adapter) => _replacements.Of(adapter).Length;

    /// <summary>What adapters make of the base value; null if they replace nothing here.</summary>
    private protected T? ReplacedValue(AdapterComposition composition) =>
        Replaces(composition) ? Resolve(composition, Base, new ForwardContext { Selection = composition.Alone }) : null;

    /// <summary>Joins values into one with a leading row dimension.</summary>
    private protected abstract T PerRow(IReadOnlyList<T> choices, long[] choice);

    /// <summary>The weighted mean of what the children of an average yield.</summary>
    private protected abstract T Mean(AdapterComposition.Average average, IReadOnlyList<T> values);

    private bool Replaces(AdapterComposition tree) => tree.Adapters.Any(adapter => _replacements.Of(adapter).Length > 0);

    // In a stack and a split the last counts; a fusion reads its own.
    private T Resolve(AdapterComposition node, T value, ForwardContext context) => node switch
    {
        AdapterComposition.One one => Apply(one.Adapter, value, context),
        AdapterComposition.Fuse fuse => Apply(fuse.Fusion, value, context),
        AdapterComposition.Average average when Replaces(node) =>
            Mean(average, [.. node.Children.Select(child => Resolve(child, value, context.Within(child)))]),
        AdapterComposition.Average => value,
        _ =>
            node.Children.Aggregate(
                value, (soFar, child) => Resolve(child, soFar, node is AdapterComposition.Split ? context.Within(child) : context)),
    };

    private T Apply(AdapterTag adapter, T value, ForwardContext context)
    {
        foreach (var replace in _replacements.Of(adapter)) value = replace(value, context);
        return value;
    }

    private protected static Tensor Gather(IEnumerable<Tensor> choices, long[] choice)
    {
        Tensor[] all = [.. choices];
        return stack([.. choice.Select(at => all[at])]);
    }
}
