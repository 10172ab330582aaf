using System.Text.RegularExpressions;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.ProPetl;

/// <summary>ProPETL: one prototype of another method's module, and a binary mask of it for each layer.</summary>
internal sealed partial class ProPetlMethod(string name, ProPetlOptions options) : CompositeMethod(name)
{
    internal const string ScoresName = ".mask_scores", PrototypeName = "prototype.", ScoresGroup = "masks";

    private readonly List<MaskedPrototype> _shared = [];
    private readonly List<AdapterTensor> _prototypes = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "propetl",
        Family = MethodFamily.Unified,
        PeftType = "PROPETL",
        Paper = "Zeng et al. 2023, arXiv 2305.17682",
        Sites = "those of its part",
        Summary = "One prototype of another method's module (part: bottleneck, LoRA, prefix) for all layers, and a learned binary mask for "
            + "each; one bit an entry is saved. Merges where its part does.",
        Formula = "layer l reads P ⊙ M_l in place of each matrix, M_l = 1 at the share \"density\" with the largest |S_l|; ∂S = sign(S) "
            + "⊙ P ⊙ ∂(P ⊙ M) (straight-through); vectors are shared whole",
        OptionsType = typeof(ProPetlOptions),
        Layouts = [new ProPetlPeft()],
        EstimatesGradients = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => Parts.Count == 0 ? options : options with { Part = new(Parts[0].Options) };

    /// <summary>The prototype: what all layers share.</summary>
    public IReadOnlyList<AdapterTensor> Prototype => _prototypes;

    /// <summary>Bytes of the prototype on disk: what several tasks can share.</summary>
    public long SharedBytes => _prototypes.Sum(t => t.Value.numel() * t.Value.element_size());

    /// <summary>Bytes on disk of what is this task's own: a bit for each entry of each mask, and the head and other tensors
    /// whole.</summary>
    public long TaskBytes =>
        _shared.Sum(s => (s.Scores.Value.numel() + 7) / 8)
        + Kept.Where(t => !_prototypes.Contains(t) && SharedBy(t) is null).Sum(t => t.Value.numel() * t.Value.element_size());

    internal IReadOnlyList<MaskedPrototype> Shared => _shared;

    internal MaskedPrototype? SharedBy(AdapterTensor scores) => _shared.Find(s => s.Scores == scores);

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(_shared.Clear);
        OnDetach(_prototypes.Clear);
        // The part asks for each layer's tensors; of these the files hold a bit each.
        var part = AddPart(options.Part.Options, host with { SavedNumbers = 8 * host.SavedNumbers });
        var layered = part.Tensors.Where(t => t.Role == TensorRole.Trained && !IsOfGate(t)).ToList();
        if (part.Options is PrefixOptions prefix) ShareTable(layered[0], prefix);
        else
            foreach (var group in layered.GroupBy(t => (Place(t), string.Join('x', t.Value.shape)))) Share([.. group], group.Key.Item1);
        TrainModules(options.ModulesToSave);
    }

    // The tensors of one place in all layers: one for all of them, and for matrices a mask each.
    private void Share(IReadOnlyList<AdapterTensor> tensors, string place)
    {
        var first = tensors[0];
        var isMatrix = first.Value.dim() >= 2;
        var prototype = AddPrototype(place, first.Value.detach().clone(), first.Decay);
        foreach (var tensor in tensors)
        {
            StandIn(tensor);
            if (!isMatrix)
            {
                OnDetach(tensor.Slot.Replace(Tag, (_, context) => prototype.Get(context)));
                continue;
            }
            var shared = new MaskedPrototype(prototype, AddScores(tensor, prototype.Value.shape, 1), 1, options);
            _shared.Add(shared);
            OnDetach(tensor.Slot.Replace(Tag, shared.Read));
        }
    }

    // Keys and values of all layers lie in one table, [tokens, layers · 2 · width].
    private void ShareTable(AdapterTensor table, PrefixOptions prefix)
    {
        var (tokens, layers) = (prefix.VirtualTokens, prefix.LayerCount!.Value);
        long[] shape = [tokens, 2L * prefix.TokenDim!.Value];
        var start = table.Value.detach().reshape(tokens, layers, shape[1]).narrow(1, 0, 1).reshape(shape).clone();
        var prototype = AddPrototype(table.Local, start, table.Decay);
        var shared = new MaskedPrototype(prototype, AddScores(table, [layers, .. shape], layers), layers, options);
        _shared.Add(shared);
        OnDetach(table.Slot.Replace(Tag, shared.Read));
        StandIn(table);
    }

    private AdapterTensor AddPrototype(string place, Tensor start, bool decay)
    {
        var prototype = options.Prototype is { } artifact
            ? AddShared(artifact, "", PrototypeName + place, start.shape, () => start, decay)
            : Add("", PrototypeName + place, start.shape, () => start, decay);
        _prototypes.Add(prototype);
        return prototype;
    }

    private AdapterTensor AddScores(AdapterTensor tensor, long[] shape, int layers)
    {
        var seed = SeedOf($"{tensor.Name}{ScoresName}");
        // What a file holds of them is a bit each: they are made and then set.
        var scores = Add(
            tensor.Path, tensor.Local + ScoresName, shape, () => Initial.Uniform(shape, MaskedPrototype.StartOf(shape, layers), seed),
            decay: false, saved: false);
        (scores.Group, scores.RateFactor) = (ScoresGroup, options.RateRatio);
        return scores;
    }

    // The layer's own tensor is no longer trained, and of its numbers one is kept, which says type, place and shape.
    private void StandIn(AdapterTensor tensor)
    {
        Withdraw(Parts[0], tensor);
        tensor.Resize(zeros([1], tensor.Value.dtype, tensor.Value.device).expand(tensor.Value.shape));
        OnDetach(tensor.Value.Dispose);
    }

    // A gate is a layer's own.
    private static bool IsOfGate(AdapterTensor tensor) => tensor.Local.StartsWith("gate.", StringComparison.Ordinal);

    // The module and the name without the layer's number.
    private static string Place(AdapterTensor tensor) => LayerNumber().Replace($"{tensor.Path}.{tensor.Local}", ".", 1);

    [GeneratedRegex(@"\.\d+\.")]
    private static partial Regex LayerNumber();
}
