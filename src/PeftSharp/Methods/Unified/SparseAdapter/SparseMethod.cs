using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.SparseAdapter;

/// <summary>SparseAdapter: another method, most weights of which are pruned before training.</summary>
internal sealed class SparseMethod(string name, SparseOptions options) : CompositeMethod(name)
{
    private const string StandIn = "magnitude, before the data is seen", File = "file";

    private readonly List<PruningMask> _masks = [];
    private string _prunedBy = options.PruneBy;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "sparse-adapter",
        Aliases = ["sparse"],
        Family = MethodFamily.Unified,
        PeftType = "SPARSE_ADAPTER",
        Paper = "He et al. 2022, arXiv 2210.04284",
        Sites = "those of its part",
        Summary = "Another method (part) of whose weights most are pruned before training, so that it can be larger for the same "
            + "number; merges where its part does.",
        Formula = "the part's own, each of its matrices A read as M ⊙ A; M, of zeros and ones, is chosen before the first step and stays",
        OptionsType = typeof(SparseOptions),
        Layouts = [new SparsePeft()],
    };

    /// <inheritdoc/>
    public override MethodOptions Options => Parts.Count == 0 ? options : options with { Part = new(Parts[0].Options) };

    /// <summary>
    /// What the weights were chosen by, as far as it is known: the setting, what stands in for it before the data is seen, or <c>file</c>.
    /// </summary>
    public string PrunedBy => _prunedBy;

    /// <summary>Number of trained weights of the part that are pruned.</summary>
    public long PrunedWeights => _masks.Sum(m => m.Tensor.Value.numel() - m.Kept.count_nonzero().item<long>());

    internal IReadOnlyList<PruningMask> Masks => _masks;

    internal PruningMask? MaskOf(AdapterTensor tensor) => _masks.Find(m => m.Tensor == tensor);

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(Forget);
        var part = AddPart(options.Part.Options, host);
        foreach (var tensor in part.Tensors.Where(t => t.Role == TensorRole.Trained && t.Value.dim() >= 2)) _masks.Add(new(tensor, Tag));
        if (_masks.Count == 0)
            throw new PeftException(
                $"SPARSE_ADAPTER: its part, {options.Part}, has no matrices of its own that could be pruned; name another method.");
        TrainModules(options.ModulesToSave);
        _prunedBy = host.FromFile ? File : options.PruneBy is "snip" or "grasp" ? StandIn : options.PruneBy;
        if (host.FromFile || options.Sparsity == 0) return;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        List<Tensor> values = [.. _masks.Select(m => m.Tensor.Value)];
        Keep(options.PruneBy switch
        {
            "random" => Pruning.ByChance(values, Share, SeedAt),
            "erdos-renyi" => Pruning.ByErdosRenyi(values, Share, SeedAt),
            _ => Pruning.ByScore([.. values.Select(v => v.abs())], Share, SeedAt),
        });
    }

    private double Share => 1 - options.Sparsity;

    private ulong SeedAt(int index) => SeedOf($"{_masks[index].Tensor.Name}.mask");

    private void Keep(long[][] positions)
    {
        foreach (var (mask, kept) in _masks.Zip(positions)) mask.Keep(kept);
    }

    private void Forget()
    {
        foreach (var mask in _masks) mask.Dispose();
        _masks.Clear();
    }

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data)
    {
        base.OnPrepare(data);
        if (_prunedBy != StandIn || options.Sparsity == 0) return;
        using var scope = NewDisposeScope();
        var before = _masks.Select(m => m.Kept.clone()).ToList();
        try
        {
            foreach (var mask in _masks) mask.KeepAll();
            var saliency = new Saliency([.. _masks.Select(m => m.Tensor)], data, options.Examples);
            Keep(Pruning.ByScore(options.PruneBy == "grasp" ? saliency.Grasp() : saliency.Snip(), Share, SeedAt));
            _prunedBy = options.PruneBy;
        }
        catch
        {
            foreach (var (mask, kept) in _masks.Zip(before)) mask.Set(kept);
            throw;
        }
    }

    internal void TakeMasks(Func<PruningMask, Tensor> bits)
    {
        foreach (var mask in _masks) mask.FromBits(bits(mask));
        _prunedBy = File;
    }

    private const string MaskStart = "mask.";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> State =>
        base.State.Concat(_masks.Select(m => KeyValuePair.Create(MaskStart + m.Tensor.Name, m.Kept))).ToDictionary();

    /// <inheritdoc/>
    public override JsonNode? StateJson => new JsonObject { ["pruned_by"] = _prunedBy, ["parts"] = base.StateJson };

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        if ((json as JsonObject)?["pruned_by"] is not JsonValue by || !by.TryGetValue<string>(out var prunedBy))
            throw new PeftException(
                "SPARSE_ADAPTER: the saved training state does not say what pruned the weights; resume the run that it belongs to.");
        var own = tensors.Where(t => t.Key.StartsWith(MaskStart, StringComparison.Ordinal)).ToDictionary();
        NamedTensors.Check(_masks.ToDictionary(m => MaskStart + m.Tensor.Name, m => m.Kept), own, "the method's state");
        base.RestoreState(tensors.Where(t => !own.ContainsKey(t.Key)).ToDictionary(), ((JsonObject)json)["parts"]?.DeepClone());
        foreach (var mask in _masks) mask.Set(own[MaskStart + mask.Tensor.Name]);
        _prunedBy = prunedBy;
    }
}
