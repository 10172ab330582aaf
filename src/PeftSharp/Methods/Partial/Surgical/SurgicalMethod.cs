using System.Text.Json.Nodes;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Surgical;

/// <summary>
/// Surgical fine-tuning: the blocks that the training data pulls at most, relative to their size, are trained; or everything, at rates by
/// that measure.
/// </summary>
/// <remarks>
/// Both are found once, before the first step, from the gradient of the examples' mean loss (the paper's code averages over five batches,
/// and anew every epoch). Until then, and where training never prepares the adapter, the topmost layers stand in at the full rate. The head
/// is always trained at the full rate.
/// </remarks>
internal sealed class SurgicalMethod(string name, SurgicalOptions options) : PeftMethod(name)
{
    // A tensor without any gradient still needs a rate above 0.
    private const double SmallestRate = 1e-9;

    private readonly Dictionary<Slot, AdapterTensor> _copies = [];
    private IReadOnlyList<Slot> _slots = [];
    private IReadOnlyList<string> _blocks = [];
    private bool _isPrepared;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "surgical",
        Aliases = ["surgical-fine-tuning"],
        Family = MethodFamily.Partial,
        PeftType = "SURGICAL",
        Paper = "Lee et al. 2022, arXiv 2210.11466",
        Sites = "slots",
        Summary = "Rates by relative gradient norm (Auto-RGN), or only the blocks where it is largest; and the head.",
        Formula = "RGN = ‖∂L / ∂W‖ / ‖W‖; every tensor learns at rate · RGN / max RGN; with blocks = k: the k blocks with the largest RGN "
            + "are trained, whole and at the rate itself",
        OptionsType = typeof(SurgicalOptions),
        Layouts = [new SurgicalPeft()],
        NeutralStart = true,
        Mergeable = true,
        Presets = new Dictionary<string, Func<MethodOptions>> { ["surgical-block"] = () => new SurgicalOptions { Blocks = 1 } },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <summary>The blocks that are trained, in the order of the model.</summary>
    public IReadOnlyList<string> Blocks => _blocks;

    internal MethodOptions SavedOptions => options.Blocks is null ? options : options with { Chosen = _blocks };

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(_copies.Clear);
        _isPrepared = host.FromFile;
        TrainModules(options.ModulesToSave);
        var whole = Tensors.Select(t => t.Name).ToHashSet();
        _slots = [
            .. host.Sites.Slots.Where(s => !whole.Contains(s.Name) && !host.WholeHead.Any(m => Targets.IsSavedModule(s.Module, m))),
        ];
        Claim(_slots);
        var all = AllBlocks;
        if (options.Chosen?.FirstOrDefault(block => !all.Contains(block)) is { } stranger)
            throw new PeftException(
                $"SURGICAL: \"chosen_blocks\" names \"{stranger}\", but the model's blocks are {string.Join(", ", all)}; the adapter was "
                + "made for another base model.");
        Train(options.Chosen ?? (options.Blocks is { } count ? [.. Layers.TakeLast(count)] : all));
    }

    private IReadOnlyList<string> AllBlocks => [.. _slots.Select(BlockOf).Distinct()];

    private IEnumerable<string> Layers => AllBlocks.Where(block => Host.Sites.Layers.Any(l => l.Path == block));

    private string BlockOf(Slot slot) => Host.Sites.RegionOf(slot.Module);

    private void Train(IReadOnlyList<string> blocks)
    {
        _blocks = [.. AllBlocks.Where(blocks.Contains)];
        foreach (var slot in _slots)
        {
            var isChosen = blocks.Contains(BlockOf(slot));
            if (isChosen && !_copies.ContainsKey(slot)) _copies.Add(slot, TrainCopy(slot));
            else if (!isChosen && _copies.Remove(slot, out var copy)) Untrain(copy);
        }
    }

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data)
    {
        if (_isPrepared) return;
        using var scope = NewDisposeScope();
        var (gradients, _) = new ExampleGradients(Options.PeftType, _slots, Tag).Mean(data, options.Examples);
        var sizes = _slots.Zip(gradients, (slot, g) => (Block: BlockOf(slot), Slot: slot, Pull: Length(g), Size: Length(slot.Value)))
            .ToList();
        if (options.Blocks is { } count)
        {
            double OfBlock(string block) => Relative(
                Math.Sqrt(sizes.Where(s => s.Block == block).Sum(s => s.Pull * s.Pull)),
                Math.Sqrt(sizes.Where(s => s.Block == block).Sum(s => s.Size * s.Size)));
            if (options.Chosen is null) Train([.. AllBlocks.OrderByDescending(OfBlock).Take(count)]);
        }
        else
        {
            sizes.RemoveAll(s => !_copies.ContainsKey(s.Slot));
            var largest = sizes.Max(s => Relative(s.Pull, s.Size));
            // A tensor of zeros has no size to compare with.
            foreach (var (_, slot, pull, size) in sizes)
                Rate(slot, size == 0 || largest == 0 ? 1 : Math.Max(SmallestRate, Relative(pull, size) / largest));
        }
        _isPrepared = true;
    }

    private static double Relative(double pull, double size) => size == 0 ? 0 : pull / size;

    private static double Length(Tensor x) => x.detach().to(ScalarType.Float64).Squared().sum().sqrt().item<double>();

    private void Rate(Slot slot, double factor) => (_copies[slot].Group, _copies[slot].RateFactor) = (slot.Name, factor);

    /// <inheritdoc/>
    public override JsonNode? StateJson => new JsonObject
    {
        ["prepared"] = _isPrepared,
        ["blocks"] = new JsonArray([.. _blocks.Select(block => (JsonNode)block)]),
        ["rates"] = new JsonObject(_copies.Select(c => KeyValuePair.Create(c.Key.Name, (JsonNode?)c.Value.RateFactor))),
    };

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        base.RestoreState(tensors, null);
        try
        {
            var blocks = json!["blocks"]!.AsArray().Select(b => b!.GetValue<string>()).ToList();
            var rates = json["rates"]!.AsObject()
                .Select(r => (Slot: _slots.Single(s => s.Name == r.Key), Rate: r.Value!.GetValue<double>()))
                .ToList();
            var prepared = json["prepared"]!.GetValue<bool>();
            if (blocks.Except(AllBlocks).Any() || rates.Any(r => !(r.Rate > 0 && r.Rate <= 1) || !blocks.Contains(BlockOf(r.Slot))))
                throw new InvalidOperationException();
            Train(blocks);
            foreach (var (slot, rate) in rates.Where(r => r.Rate != 1)) Rate(slot, rate);
            _isPrepared = prepared;
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException or FormatException)
        {
            throw new PeftException(
                $"The saved training state is not that of {Options.PeftType} on this model; resume the run that it belongs to.", e);
        }
    }
}
