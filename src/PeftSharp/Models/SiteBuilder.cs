using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Makes a model's slots and sites from its tensors and records them in a <see cref="SiteMap"/>.</summary>
/// <remarks>Names are relative to the builder's place: <see cref="In"/> and <see cref="AtLayer"/> go deeper.</remarks>
internal sealed class SiteBuilder
{
    private readonly ModelOptions _options;
    private readonly SitePlace _place;
    private readonly DenseMaps _dense;

    public SiteBuilder(TensorSource source, ModelOptions options, DenseMaps dense) : this(source, options, dense, new(), new("")) { }

    /// <summary>
    /// The last map of a head: read, put in the order that is asked for, or drawn anew where the checkpoint's answers something else.
    /// </summary>
    public ProjectionSite Classifier(string name, long output, long input, bool hasBias = true)
    {
        var path = At(name).Path;
        string[] tensors = hasBias ? [$"{path}.weight", $"{path}.bias"] : [$"{path}.weight"];
        if (_options.Head.IsNew) Source.DrawAnew(tensors);
        else if (_options.Head.Rows is { } rows) Source.Reorder(tensors, rows);
        return Projection(name, ProjectionRole.Head, output, input, hasBias);
    }

    /// <summary>Maps that are computed as one.</summary>
    public ProjectionGroup Group(params ProjectionSite[] sites) => Add(new ProjectionGroup(sites), Map.Groups);

    private SiteBuilder(TensorSource source, ModelOptions options, DenseMaps dense, SiteMap map, SitePlace place) =>
        (Source, _options, _dense, Map, _place) = (source, options, dense, map, place);

    public SiteMap Map { get; }

    public TensorSource Source { get; }

    /// <summary>The builder of a module inside this one.</summary>
    public SiteBuilder In(string name) => new(Source, _options, _dense, Map, At(name));

    /// <summary>The builder of a layer.</summary>
    /// <param name="name">The layer's module, for example <c>layers.0</c>.</param>
    /// <param name="layer">Its index.</param>
    /// <param name="stack">Its stack.</param>
    public SiteBuilder AtLayer(string name, int layer, LayerStack stack = LayerStack.Encoder) =>
        new(Source, _options, _dense, Map, new(At(name).Path, layer, stack));

    public ProjectionSite Projection(string name, ProjectionRole role, long output, long input, bool hasBias = true)
    {
        var place = At(name);
        var head = role is ProjectionRole.Head or ProjectionRole.Pooler;
        var stored = head ? Head($"{place.Path}.weight", output, input) : Weight(place.Path, role, output, input);
        var weight = new WeightSlot($"{place.Path}.weight", stored);
        Map.Add(weight);
        var bias = hasBias ? new TensorSlot($"{place.Path}.bias", SlotKind.Bias, Bias($"{place.Path}.bias", head, output)) : null;
        if (bias is not null) Map.Add(bias);
        return Add(new ProjectionSite(place, role, weight, bias), Map.Projections);
    }

    /// <summary>A linear map whose weight the checkpoint keeps as [in, out] (GPT-2's Conv1D).</summary>
    public ProjectionSite Transposed(string name, ProjectionRole role, long output, long input)
    {
        var place = At(name);
        var stored = Weight(place.Path, role, output, input, transposed: true);
        var weight = new WeightSlot($"{place.Path}.weight", stored) { IsTransposedOnDisk = true };
        Map.Add(weight);
        var bias = new TensorSlot($"{place.Path}.bias", SlotKind.Bias, Bias($"{place.Path}.bias", head: false, output));
        Map.Add(bias);
        return Add(new ProjectionSite(place, role, weight, bias), Map.Projections);
    }

    /// <summary>One linear map that serves several, in the order of its rows.</summary>
    /// <param name="name">The map.</param>
    /// <param name="input">Width of the input.</param>
    /// <param name="layout">How it keeps their rows.</param>
    /// <param name="parts">What each does, and how many rows it has in all.</param>
    public SlicedProjection Sliced(string name, long input, SliceLayout layout, params (ProjectionRole Role, long Output)[] parts)
    {
        var rows = parts.Sum(p => p.Output);
        var whole = layout.Transposed
            ? Transposed(name, ProjectionRole.Fused, rows, input)
            : Projection(name, ProjectionRole.Fused, rows, input, layout.HasBias);
        var sites = new ProjectionSite[parts.Length];
        var row = 0L;
        for (var i = 0; i < parts.Length; i++)
        {
            var (role, output) = parts[i];
            var place = At($"{name}.{role.ToString().ToLowerInvariant()}");
            var stretch = output / layout.Blocks;
            var slot = new PartSlot($"{place.Path}.weight", whole.Weight, new(layout.Blocks, rows / layout.Blocks, row, stretch));
            sites[i] = Add(new ProjectionSite(place, role, slot, null), Map.Parts);
            row += stretch;
        }
        return new(whole, sites);
    }

    /// <summary>A linear map that reads an embedding table as its weight (a tied output head).</summary>
    public ProjectionSite Tied(string name, ProjectionRole role, EmbeddingSite embedding)
    {
        var blocks = _options is { Quantize: null, Unpack: false }
            ? Source.InBlocks($"{embedding.Path}.weight", embedding.Vocabulary, embedding.Dim)
            : null;
        var slot = new TiedSlot($"{At(name).Path}.weight", embedding.Table, blocks);
        return Add(new ProjectionSite(At(name), role, slot, null), Map.Projections);
    }

    public EmbeddingSite Embedding(string name, long vocabulary, long dim)
    {
        var place = At(name);
        var table = new TensorSlot($"{place.Path}.weight", SlotKind.Embedding, Source.Get($"{place.Path}.weight", vocabulary, dim));
        Map.Add(table);
        return Add(new EmbeddingSite(place, table), Map.Embeddings);
    }

    public Norm Norm(string name, long width, double epsilon, NormKind kind = NormKind.Layer, bool hasBias = true)
    {
        var path = At(name).Path;
        var weight = new TensorSlot($"{path}.weight", SlotKind.NormWeight, Source.Get($"{path}.weight", width));
        Map.Add(weight);
        var bias = kind == NormKind.Layer && hasBias
            ? new TensorSlot($"{path}.bias", SlotKind.NormBias, Source.Get($"{path}.bias", width))
            : null;
        if (bias is not null) Map.Add(bias);
        return Add(new Norm(kind, weight, bias, epsilon), Map.Norms);
    }

    /// <summary>A norm of a head: one that the checkpoint lacks starts as a new one does.</summary>
    public Norm NewNorm(string name, long width, double epsilon, bool hasBias)
    {
        var path = At(name).Path;
        var weight = new TensorSlot($"{path}.weight", SlotKind.NormWeight, Source.GetOrCreate($"{path}.weight", width));
        Map.Add(weight);
        var bias = hasBias ? new TensorSlot($"{path}.bias", SlotKind.NormBias, Source.GetOrCreate($"{path}.bias", width)) : null;
        if (bias is not null) Map.Add(bias);
        return Add(new Norm(NormKind.Layer, weight, bias, epsilon), Map.Norms);
    }

    /// <summary>The end of a residual branch.</summary>
    public BranchSite Branch(string name, BranchKind kind, long width, Norm? norm) =>
        Add(new BranchSite(At(name), kind, width, norm), Map.Branches);

    /// <summary>The attention of this place.</summary>
    public AttentionSite Attention(
        AttentionKind kind, AttentionShape shape, ProjectionSite query, ProjectionSite key, ProjectionSite value, ProjectionSite output) =>
        Add(new AttentionSite(_place, kind, shape, query, key, value, output), Map.Attentions);

    public InputSite Input(string name) => Add(new InputSite(At(name)), Map.Inputs);

    /// <summary>The output of this place's layer, or of the embeddings.</summary>
    public LayerSite Layer(long width) => Add(new LayerSite(_place, width), Map.Layers);

    private SitePlace At(string name) => _place with { Path = _place.Path.Length == 0 ? name : $"{_place.Path}.{name}" };

    private static T Add<T>(T site, List<T> sites)
    {
        sites.Add(site);
        return site;
    }

    private Tensor Bias(string name, bool head, long output) => head ? Source.GetOrCreate(name, output) : Source.Get(name, output);

    // The head is small and trained: it stays dense.
    private DenseStore Head(string name, long output, long input) => new(Source.GetOrCreate(name, output, input));

    private WeightStore Weight(string path, ProjectionRole role, long output, long input, bool transposed = false)
    {
        var name = $"{path}.weight";
        var form = _dense.Holds(role, path) ? null : _options.Quantize;
        if (Source.Quantized(name, output, input) is { } stored) return Computing(stored);
        if ((!transposed || Source.HasOutputsFirst(name)) && form is null && !_options.Unpack
            && Source.InBlocks(name, output, input) is { } blocks)
            return Computing(blocks);
        if (form is null && _options.Compute == ComputeType.Float32)
            return new DenseStore(transposed ? Source.GetTransposed(name, output, input) : Source.Get(name, output, input));
        // One tensor at a time, and no copy of it in float32 (but for the thread's one buffer): what is kept is what memory grows by.
        using var scope = NewDisposeScope();
        using var raw = Source.GetStored(name, output, input, transposed);
        WeightStore small = form is not null
            ? Computing(form.Quantize(raw).To(Source.Device))
            : new HalfStore(raw.to(ScalarType.BFloat16, copy: true).contiguous().to(Source.Device).DetachFromDisposeScope());
        Source.Forget(name);
        return small;
    }

    private PackedStore Computing(PackedStore store)
    {
        store.ComputeType = _options.Compute == ComputeType.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        return store;
    }
}
