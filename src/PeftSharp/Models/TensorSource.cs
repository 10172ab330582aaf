using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Gives a model its tensors by Hugging Face name: from a checkpoint, or new where a head is.</summary>
/// <param name="checkpoint">The checkpoint; null makes every tensor at random (tests).</param>
/// <param name="basePrefix">The base model's prefix, for example <c>bert.</c>; checkpoints of the bare model lack it.</param>
/// <param name="precision">float32, or float64 for checks of gradients.</param>
/// <param name="range">Standard deviation of new weights.</param>
/// <param name="seed">Seed of new weights.</param>
/// <param name="device">Where the tensors are to live; null for the CPU.</param>
internal sealed class TensorSource(
    Checkpoint? checkpoint, string basePrefix, ScalarType precision, double range, ulong seed, Device? device = null)
{
    private const long SmallestLimit = 1 << 24;

    private const long MostLeft = 1 << 25;

    private readonly List<string> _created = [];
    private readonly HashSet<string> _anew = [];
    private readonly Dictionary<string, int[]> _orders = [];
    private CheckpointNames? _names;
    private long _left;
    private readonly Device _device = device ?? CPU;

    /// <summary>Tensors that the checkpoint lacks and that were made anew (a fresh head).</summary>
    public IReadOnlyList<string> Created => _created;

    /// <summary>The first tensor of a head that the checkpoint has in another shape than was asked for; null where there is none.</summary>
    internal string? Misfit { get; private set; }

    /// <summary>True if there is a checkpoint, so that <see cref="Created"/> says what it lacks.</summary>
    internal bool HasCheckpoint => checkpoint is not null;

    /// <summary>Tensors of these names are drawn, whatever the checkpoint has.</summary>
    internal void DrawAnew(IEnumerable<string> names) => _anew.UnionWith(names);

    /// <summary>Rows of these tensors are put in another order.</summary>
    internal void Reorder(IEnumerable<string> names, int[] rows)
    {
        foreach (var name in names) _orders[name] = rows;
    }

    /// <summary>A prefix that the checkpoint's names have and the model's lack (a bare model read from a checkpoint with a head).</summary>
    public string AddedPrefix { get; init; } = "";

    /// <summary>Names that the checkpoint has for some of the model's tensors.</summary>
    public IReadOnlyDictionary<string, string> Others { get; init; } = new Dictionary<string, string>();

    /// <summary>The element type of the model's tensors.</summary>
    public ScalarType Precision { get; } = precision;

    /// <summary>A tensor of the base model, dense: one that the checkpoint keeps in 4 bits (an embedding table) is unpacked.</summary>
    /// <exception cref="PeftException">It is missing or has another shape.</exception>
    public Tensor Get(string name, params long[] shape)
    {
        if (checkpoint is null) return Create(name, shape);
        var found = Find(name) ?? throw new PeftException(
            $"{checkpoint.Path} has no tensor \"{name}\" (nor \"{WithoutPrefix(name)}\"), which config.json promises; the checkpoint and "
            + "its configuration do not belong together.");
        return Read(found, shape);
    }

    /// <summary>A weight [<paramref name="output"/>, <paramref name="input"/>] that the checkpoint keeps the other way round.</summary>
    /// <exception cref="PeftException">It is missing or has another shape.</exception>
    public Tensor GetTransposed(string name, long output, long input)
    {
        if (HasOutputsFirst(name)) return Get(name, output, input);
        using var stored = Get(name, input, output);
        using var view = stored.t();
        return view.contiguous().DetachFromDisposeScope();
    }

    /// <summary>
    /// A weight in the floating-point type that the checkpoint keeps it in, to be made into another form at once: a view of the file where
    /// it has one, so that no copy of the whole is needed.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="output">Rows.</param>
    /// <param name="input">Columns.</param>
    /// <param name="transposed">True if the checkpoint keeps it the other way round.</param>
    /// <exception cref="PeftException">It is missing or has another shape.</exception>
    public Tensor GetStored(string name, long output, long input, bool transposed)
    {
        long[] shape = transposed ? [input, output] : [output, input];
        var isPlain = checkpoint is not null && Find(name) is { } known && checkpoint.Info(known).Blocks is null;
        if (!isPlain)
            return transposed ? GetTransposed(name, output, input) : Get(name, shape);
        var stored = Stored(Find(name)!, shape);
        if (!transposed) return stored;
        using (stored) return stored.t().DetachFromDisposeScope();
    }

    /// <summary>Where the tensors live.</summary>
    public Device Device => _device;

    /// <summary>A tensor of a head: read if the checkpoint has it in this shape, else made anew.</summary>
    public Tensor GetOrCreate(string name, params long[] shape)
    {
        if (
            checkpoint is null || _anew.Contains(name) || Find(name) is not { } found
                || (!IsQuantized(found) && !checkpoint.Info(found).Shape.SequenceEqual(shape)))
        {
            RequireRoom(name, shape);
            if (checkpoint is not null && !_anew.Contains(name) && Find(name) is { } other)
                Misfit ??= $"{name} has the shape [{string.Join(", ", checkpoint.Info(other).Shape)}] and not "
                    + $"[{string.Join(", ", shape)}]";
            _created.Add(name);
            return Create(name, shape);
        }
        return _orders.TryGetValue(name, out var rows) ? Ordered(Read(found, shape), rows) : Read(found, shape);
    }

    private static Tensor Ordered(Tensor value, int[] rows)
    {
        using var scope = NewDisposeScope();
        using (value)
            return value.index_select(0, tensor(rows.Select(r => (long)r).ToArray(), device: value.device)).DetachFromDisposeScope();
    }

    // A configuration may name labels by the million: what is new is no larger than what is there.
    private void RequireRoom(string name, long[] shape)
    {
        if (checkpoint is null) return;
        var asked = shape.Aggregate(1.0, (all, size) => all * size);
        var most = Math.Max(SmallestLimit, checkpoint.Names.Sum(n => checkpoint.Info(n).Count));
        if (asked > most)
            throw new PeftException(
                $"{checkpoint.Path}: config.json asks for a new tensor \"{name}\" of shape [{string.Join(", ", shape)}], larger than the "
                + $"whole checkpoint ({most:N0} numbers); check the number of labels.");
    }

    /// <summary>True if the checkpoint keeps a map as [output, input], whatever its architecture does elsewhere.</summary>
    internal bool HasOutputsFirst(string name) => checkpoint is not null && Find(name) is { } found && checkpoint.HasOutputsFirst(found);

    /// <summary>
    /// A weight that a GGUF file keeps in blocks, in these blocks; null if it is kept in plain numbers, or is to live on another device
    /// than the CPU.
    /// </summary>
    public GgufStore? InBlocks(string name, long output, long input)
    {
        if (checkpoint is null || _device.type != DeviceType.CPU || Find(name) is not { } found) return null;
        if (checkpoint.Info(found) is not { Blocks: not null, Shape: [var rows, var columns] } || rows != output || columns != input)
            return null;
        return checkpoint.Packed(found) is { } packed ? new GgufStore(packed.Blocks, packed.Type) : null;
    }

    /// <summary>A tensor was copied into another form: what it was read into, or the pages that it was read from, are given back.</summary>
    public void Forget(string name)
    {
        if (checkpoint is null || Find(name) is not { } found) return;
        checkpoint.Forget(found);
        // Between tensors that stay, the heap keeps what a copy has left.
        _left += checkpoint.Info(found).Count * sizeof(float);
        if (_left < MostLeft) return;
        _left = 0;
        NativeHeap.Trim();
    }

    /// <summary>A weight that the checkpoint keeps in 4 or 8 bits as bitsandbytes does; null if it is kept dense.</summary>
    public PackedStore? Quantized(string name, long output, long input)
    {
        if (checkpoint is null || Find(name) is not { } found || !IsQuantized(found)) return null;
        PackedStore store = BitsAndBytes8.Has(checkpoint, found)
            ? Int8Store.FromBitsAndBytes(checkpoint, found)
            : FourBitStore.FromBitsAndBytes(checkpoint, found);
        if (store.OutFeatures == output && store.InFeatures == input) return _device.type == DeviceType.CPU ? store : store.To(_device);
        throw new PeftException(
            $"{checkpoint.Path}: the quantised tensor \"{found}\" has the shape [{store.OutFeatures}, {store.InFeatures}]; config.json "
            + $"asks for [{output}, {input}].");
    }

    /// <summary>True if there is a checkpoint, and it holds the tensor.</summary>
    public bool IsStored(string name) => checkpoint is not null && Find(name) is not null;

    /// <summary>True if the checkpoint has the tensor.</summary>
    public bool Has(string name) => checkpoint is null || Find(name) is not null;

    private string? Find(string name) =>
        Others.TryGetValue(name, out var other)
            ? other
            : (_names ??= new(checkpoint!, AddedPrefix.Length > 0 ? AddedPrefix : basePrefix)).Find(name);

    private string WithoutPrefix(string name) =>
        basePrefix.Length > 0 && name.StartsWith(basePrefix, StringComparison.Ordinal) ? name[basePrefix.Length..] : name;

    private bool IsQuantized(string name) => checkpoint!.Contains($"{name}.quant_map") || checkpoint.Contains($"{name}.absmax")
        || BitsAndBytes8.Has(checkpoint, name);

    private Tensor Read(string name, long[] shape)
    {
        if (IsQuantized(name) && shape is [var rows, var columns]) return Unpacked(name, rows, columns);
        var value = Stored(name, shape);
        if (value.dtype == Precision && _device.type == DeviceType.CPU) return value;
        using (value)
        {
            var placed = Placed(value);
            Forget(name);
            return placed;
        }
    }

    // As the file keeps it.
    private Tensor Stored(string name, long[] shape)
    {
        var info = checkpoint!.Info(name);
        if (!info.Shape.SequenceEqual(shape))
            throw new PeftException(
                $"{checkpoint.Path}: tensor \"{name}\" has the shape [{string.Join(", ", info.Shape)}]; config.json asks for "
                + $"[{string.Join(", ", shape)}].");
        if (info.ScalarType is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float64))
            throw new PeftException(
                $"{checkpoint.Path}: tensor \"{name}\" is kept as {info.ScalarType}, the numbers of a quantisation that cannot be read; "
                + "expected F32, F16, BF16, or 4 or 8 bits of bitsandbytes: take the model before it was quantised.");
        return checkpoint.Read(name);
    }

    private Tensor Unpacked(string name, long rows, long columns)
    {
        using var scope = NewDisposeScope();
        using var store = Quantized(name, rows, columns)!;
        return Placed(store.Dense());
    }

    private Tensor Create(string name, long[] shape)
    {
        if (_device.type == DeviceType.META) return empty(shape, dtype: Precision, device: _device).DetachFromDisposeScope();
        using var scope = NewDisposeScope();
        var isNorm = name.Contains("norm", StringComparison.OrdinalIgnoreCase);
        if (name.EndsWith(".bias", StringComparison.Ordinal)) return Placed(zeros(shape, dtype: Precision));
        if (isNorm) return Placed(ones(shape, dtype: Precision));
        return Placed(Initial.Normal(shape, range, SeedSequence.Derive(seed, name)));
    }

    private Tensor Placed(Tensor value) => value.to(Precision, _device).DetachFromDisposeScope();
}
