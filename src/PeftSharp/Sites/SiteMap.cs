namespace PeftSharp.Sites;

/// <summary>Every seam of a model: what methods choose from.</summary>
public sealed class SiteMap
{
    /// <summary>Every tensor slot, in the order of the model.</summary>
    public List<Slot> Slots { get; } = [];

    /// <summary>Every linear map.</summary>
    public List<ProjectionSite> Projections { get; } = [];

    /// <summary>
    /// The maps that share a tensor with others (<see cref="SlicedProjection"/>): found by role, while names find the whole.
    /// </summary>
    public List<ProjectionSite> Parts { get; } = [];

    /// <summary>Every residual branch.</summary>
    public List<BranchSite> Branches { get; } = [];

    /// <summary>Every attention.</summary>
    public List<AttentionSite> Attentions { get; } = [];

    /// <summary>The entries of the model: one, or two in an encoder–decoder.</summary>
    public List<InputSite> Inputs { get; } = [];

    /// <summary>Every embedding table that methods may adapt.</summary>
    public List<EmbeddingSite> Embeddings { get; } = [];

    /// <summary>The embedding output and every layer's output.</summary>
    public List<LayerSite> Layers { get; } = [];

    /// <summary>Every norm.</summary>
    public List<Norm> Norms { get; } = [];

    /// <summary>Maps that are computed as one.</summary>
    internal List<ProjectionGroup> Groups { get; } = [];

    private MergedWeights? _merged;

    /// <summary>What is written into the weights for the calls that begin now; null for nothing.</summary>
    internal MergedWeights? Merged
    {
        get => Volatile.Read(ref _merged);
        set => Volatile.Write(ref _merged, value);
    }

    /// <summary>
    /// Begins a call's use of what is merged. A call whose selection names a merged adapter itself was chosen before: it goes without.
    /// </summary>
    internal MergedWeights? EnterMerged(AdapterSelection selection)
    {
        while (Merged is { } merged)
        {
            if (selection.Adapters.Any(merged.Includes)) return null;
            if (merged.Uses.TryEnter()) return merged;
        }
        return null;
    }

    /// <summary>Takes slots into the map.</summary>
    internal void Add(params ReadOnlySpan<Slot> slots)
    {
        foreach (var slot in slots)
        {
            slot.Map = this;
            Slots.Add(slot);
        }
    }

    /// <summary>Number of weights of the base model, head included.</summary>
    public long Count => Slots.Sum(s => s.Count);

    /// <summary>The layer that a module belongs to: -1 for the embeddings, null for what comes after the layers.</summary>
    public int? LayerOf(string module)
    {
        foreach (var layer in Layers)
            if (
                module.StartsWith(layer.Path, StringComparison.Ordinal)
                    && (module.Length == layer.Path.Length || module[layer.Path.Length] == '.'))
                return layer.Layer;
        return Embeddings.Any(e => e.Path == module) || Inputs.Any(i => i.Path == module) ? -1 : null;
    }

    /// <summary>
    /// The path of the layer that a module belongs to, which differs between two stacks; <c>embeddings</c> for what is below the layers,
    /// <c>above</c> for what is behind them.
    /// </summary>
    internal string RegionOf(string module)
    {
        var layer = Layers.Find(l => l.Layer >= 0 && module.StartsWith($"{l.Path}.", StringComparison.Ordinal));
        return layer?.Path ?? (LayerOf(module) is null ? "above" : "embeddings");
    }

    /// <summary>Where an adapter acts: each seam with its module and what it is called.</summary>
    internal IEnumerable<(string Module, string Seam)> ActiveAt(AdapterTag adapter)
    {
        // As in a call with nothing merged: what another adapter has written into the weights is not this one's doing.
        var alone = new ForwardContext { Selection = adapter.Alone }.Begin(TorchSharp.torch.CPU, merged: null);
        return Inputs.Where(s => s.Plugins.AnyActive(alone)).Select(s => (s.Path, $"the input of {s.Path}"))
            .Concat(Embeddings.Where(s => s.Plugins.AnyActive(alone)).Select(s => (s.Path, $"the embedding {s.Path}")))
            .Concat(Slots.Where(s => !s.IsPlain(alone)).Select(s => (s.Module, $"the tensor {s.Name}")))
            .Concat(Projections.Where(s => s.Plugins.AnyActive(alone)).Select(s => (s.Path, $"the linear map {s.Path}")))
            .Concat(Attentions.Where(s => s.Plugins.AnyActive(alone)).Select(s => (s.Path, $"the attention {s.Path}")))
            .Concat(Branches.Where(s => s.Plugins.AnyActive(alone)).Select(s => (s.Path, $"the residual branch {s.Path}")))
            .Concat(Layers.Where(s => s.Plugins.AnyActive(alone)).Select(s => (s.Path, $"the output of {s.Path}")));
    }

    /// <summary>Vectors that the selected adapters put before a sequence, at most.</summary>
    internal int AddedTokens(AdapterSelection selection)
    {
        var most = 0;
        foreach (var part in selection.Parts) most = Math.Max(most, AddedTokens(part));
        return most;
    }

    private int AddedTokens(SelectionPart part) =>
        part.Leaves.Sum(leaf => Inputs.Sum(input => input.Plugins.Of(leaf.Adapter).Sum(plugin => plugin.Length)));

    /// <summary>
    /// By how much active prefixes move the positions of each row's tokens: 0 for none; the same for every row, or [rows].
    /// </summary>
    internal (long Uniform, long[]? PerRow) PositionShift(ForwardContext context)
    {
        if (Attentions.Count == 0 || context.Selection.Tags.IsEmpty) return (0, null);
        long uniform = 0;
        long[]? perRow = null;
        foreach (var part in context.Selection.Parts)
        {
            // An adapter may have several prefixes at an attention, and none at some: what counts is the attention with the most.
            var shift = part.Leaves.Sum(leaf => Attentions.Max(site =>
                site.Plugins.Of(leaf.Adapter).OfType<IAttentionPrefix>().Sum(prefix => (long)prefix.PositionShift)));
            if (shift == 0) continue;
            if (part.Rows is null) uniform += shift;
            else
            {
                perRow ??= new long[context.Selection.Rows];
                foreach (var row in part.Rows) perRow[row] += shift;
            }
        }
        return (uniform, perRow);
    }
}
