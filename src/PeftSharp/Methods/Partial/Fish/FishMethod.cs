using System.Text.Json.Nodes;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Fish;

/// <summary>FISH mask: the weights with the largest Fisher information are trained, the others stay as they are, bit for bit.</summary>
/// <remarks>
/// The weights are chosen once, before the first step of training. Until then, and where training never prepares the adapter, as many
/// weights with the largest magnitudes outside the embedding tables stand in, so that an adapter is always whole.
/// </remarks>
public sealed class FishMethod(string name, FishOptions options) : PeftMethod(name)
{
    private const string Magnitude = "magnitude";

    private readonly List<(Slot Slot, Tensor Positions, AdapterTensor Values)> _trained = [];
    private IReadOnlyList<Slot> _slots = [];
    private string _chosenBy = Magnitude;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "fish",
        Aliases = ["fish-mask"],
        Family = MethodFamily.Partial,
        PeftType = "FISH",
        Paper = "Sung et al. 2021, arXiv 2111.09839",
        Sites = "slots",
        Summary = "Only the weights with the largest Fisher information are trained, and the head.",
        Formula = "W' = W but at the k entries with the largest mean of (∂ log p(label) / ∂W)², which are trained",
        OptionsType = typeof(FishOptions),
        Layouts = [new FishPeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <summary>
    /// What the trained weights were chosen by: <c>magnitude</c> before the adapter is prepared, then <c>empirical</c> or <c>expected</c>
    /// (the Fisher information), or <c>file</c>.
    /// </summary>
    public string ChosenBy => _chosenBy;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _chosenBy = Magnitude;
        TrainModules(options.ModulesToSave);
        var whole = Tensors.Select(t => t.Name).ToHashSet();
        _slots = [.. host.Sites.Slots.Where(s => !whole.Contains(s.Name) && !host.WholeHead.Any(m => Targets.IsSavedModule(s.Module, m)))];
        OnDetach(_trained.Clear);
        Claim(_slots);
        if (host.FromFile) return;
        using var guard = no_grad();
        // Most rows of a table belong to words that a task's texts never hold.
        Choose([.. _slots.Select(s => s.Kind == SlotKind.Embedding ? zeros_like(s.Value) : s.Value.abs())], Magnitude);
    }

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data)
    {
        if (_chosenBy != Magnitude) return;
        using var scope = NewDisposeScope();
        var (scores, _) = new FisherInformation(Options.PeftType, _slots, Tag).Mean(data, options.Examples, options.Expected);
        Choose(scores, options.Expected ? "expected" : "empirical");
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> State => _trained.ToDictionary(t => t.Slot.Name, t => t.Positions);

    /// <inheritdoc/>
    public override JsonNode? StateJson => new JsonObject { ["chosen_by"] = _chosenBy };

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        var unknown = tensors.Keys.FirstOrDefault(name => !_slots.Any(s => s.Name == name));
        if (unknown is not null || (json as JsonObject)?["chosen_by"] is not JsonValue by || !by.TryGetValue<string>(out var chosenBy))
        {
            throw new PeftException(
                $"The saved training state is not that of {Options.PeftType} on this model ({unknown ?? "\"chosen_by\" is missing"}); "
                + "resume the run that it belongs to.");
        }
        if (_slots.FirstOrDefault(slot => tensors.TryGetValue(slot.Name, out var saved) && !Fits(slot, saved)) is { } wrong)
        {
            throw new PeftException(
                $"The saved training state holds positions of \"{wrong.Name}\" that are not all among its {wrong.Count:N0} entries; "
                + "resume from another checkpoint.");
        }
        Train([.. _slots.Select(s => tensors.TryGetValue(s.Name, out var saved) ? saved.cpu().data<long>().ToArray() : [])], chosenBy);
    }

    private static bool Fits(Slot slot, Tensor saved)
    {
        if (saved.dtype != ScalarType.Int64 || saved.dim() != 1) return false;
        var positions = saved.cpu().data<long>().ToArray();
        return positions.Length > 0 && positions[0] >= 0 && positions[^1] < slot.Count
            && positions.Zip(positions.Skip(1)).All(pair => pair.First < pair.Second);
    }

    internal long Count => Math.Max(1, (long)(options.Keep * _slots.Sum(s => s.Count)));

    private void Choose(IReadOnlyList<Tensor> scores, string by)
    {
        Train(LargestEntries.Find(scores, Count), by);
    }

    private void Train(long[][] positions, string by)
    {
        foreach (var (_, _, values) in _trained) Untrain(values);
        _trained.Clear();
        for (var i = 0; i < positions.Length; i++)
        {
            if (positions[i].Length == 0) continue;
            var (values, kept) = TrainValues(_slots[i], positions[i]);
            _trained.Add((_slots[i], kept, values));
        }
        _chosenBy = by;
    }

    // The slot and the positions of trained values; null for another tensor.
    internal (Slot Slot, Tensor Positions)? PlaceOf(AdapterTensor tensor) =>
        _trained.Find(t => t.Values == tensor) is { Values: not null } found ? (found.Slot, found.Positions) : null;

    // The tensors whose entries may be trained, in the order of the model.
    internal IReadOnlyList<Slot> Slots => _slots;

    // Trains entries that a file names; none trains nothing.
    internal void TrainSaved(long[][] positions, IEnumerable<Tensor> values)
    {
        Train(positions, "file");
        foreach (var (trained, saved) in _trained.Zip(values)) trained.Values.Value.copy_(saved);
    }
}
