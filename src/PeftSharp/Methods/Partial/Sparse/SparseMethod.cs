using System.Text.Json.Nodes;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>
/// A method that trains some entries of the base's tensors; the others stay as they are, bit for bit, and cost no optimizer state.
/// </summary>
/// <remarks>
/// An adapter is always whole: entries are chosen when it is attached, and a method that chooses by data does so again before the first
/// step.
/// </remarks>
internal abstract class SparseMethod(string name) : PeftMethod(name), IChangesEntries
{
    private readonly List<(Slot Slot, Tensor Positions, AdapterTensor Values)> _trained = [];
    private IReadOnlyList<Slot> _slots = [];
    private string _chosenBy = Magnitude;

    /// <summary>What entries with the largest magnitudes are chosen by, and those that a file names.</summary>
    private protected const string Magnitude = "magnitude", Saved = "file";

    /// <summary>What trained weights were chosen by: <c>magnitude</c>, <c>file</c>, or what the method chooses by.</summary>
    public string ChosenBy => _chosenBy;

    /// <summary>How many of the weights are trained.</summary>
    internal abstract WeightChoice Amount { get; }

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _chosenBy = Magnitude;
        TrainModules(Options.ModulesToSave);
        var whole = Tensors.Select(t => t.Name).ToHashSet();
        _slots = [
            .. host.Sites.Slots.Where(
                s =>
                    !whole.Contains(s.Name) && !host.WholeHead.Any(m => Targets.IsSavedModule(s.Module, m))
                        && (Options as ChosenWeightsOptions)?.MayTrain(s) != false),
        ];
        if (Entries < Count)
            throw new PeftException(
                $"{Options.PeftType}: {Amount.Text} asks for more than the {Entries:N0} weights outside the head that may be trained; "
                + "ask for fewer, or leave fewer out.");
        OnDetach(_trained.Clear);
        Claim(_slots);
        if (host.FromFile) return;
        using var guard = no_grad();
        ChooseAtStart();
    }

    /// <summary>Chooses entries without data; by default those with the largest magnitudes.</summary>
    private protected virtual void ChooseAtStart() => Choose(Scores(slot => slot.Value.abs()), Magnitude);

    /// <summary>
    /// A score for each entry outside the embedding tables, most of whose rows belong to words that a task's texts never hold: those have
    /// none (null), and come last.
    /// </summary>
    /// <param name="score">The score of a slot's entries.</param>
    private protected IReadOnlyList<Tensor?> Scores(Func<Slot, Tensor> score) =>
        [.. _slots.Select(s => s.Kind == SlotKind.Embedding ? null : score(s))];

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

    // How many entries are trained, and how many may be.
    internal long Count => Amount.Of(Entries);

    private long Entries => _slots.Sum(s => s.Count);

    /// <summary>Trains the entries with the largest of some scores, one score for each entry of <see cref="Slots"/>.</summary>
    /// <param name="scores">The scores, each in its slot's shape, all finite; null for entries that come last.</param>
    /// <param name="by">What they are, as <see cref="ChosenBy"/> says it.</param>
    private protected void Choose(IReadOnlyList<Tensor?> scores, string by)
    {
        var groups = Enumerable.Range(0, _slots.Count).GroupBy(i => GroupOf(_slots[i])).Select(g => g.ToArray()).ToList();
        // Entries that come last count only where the others do not suffice.
        var scored = groups.Select(g => g.Where(i => scores[i] is not null).Sum(i => _slots[i].Count)).ToArray();
        var sizes = scored.Sum() >= Count ? scored : [.. groups.Select(g => g.Sum(i => _slots[i].Count))];
        var chosen = new long[_slots.Count][];
        foreach (var (group, count) in groups.Zip(WeightChoice.ShareOut(Count, sizes)))
        {
            var found = LargestEntries.Find([.. group.Select(i => scores[i])], [.. group.Select(i => _slots[i].Count)], count);
            foreach (var (index, positions) in group.Zip(found)) chosen[index] = positions;
        }
        Train(chosen, by);
    }

    /// <summary>
    /// Chooses by scores that data gives, once in an adapter's life; what stood in for the choice does not act meanwhile, which would copy
    /// each of its tensors in every forward. Where it fails, it stands in again.
    /// </summary>
    /// <param name="score">Gives scores and what they are, as <see cref="Choose"/> takes them.</param>
    private protected void ChooseByData(Func<(IReadOnlyList<Tensor?> Scores, string By)> score)
    {
        if (ChosenBy != Magnitude) return;
        using var scope = NewDisposeScope();
        Train([], Magnitude);
        try
        {
            var (scores, by) = score();
            Choose(scores, by);
        }
        catch
        {
            using var guard = no_grad();
            ChooseAtStart();
            throw;
        }
    }

    // What is chosen from together.
    private string GroupOf(Slot slot) => Amount.By switch
    {
        WeightChoice.Tensor => slot.Name,
        WeightChoice.Layer => Host.Sites.RegionOf(slot.Module),
        _ => "",
    };

    /// <summary>Trains these entries of <see cref="Slots"/> in place of those before; none at all where the list is empty.</summary>
    private protected void Train(IReadOnlyList<long[]> positions, string by)
    {
        foreach (var (_, _, values) in _trained) Untrain(values);
        _trained.Clear();
        for (var i = 0; i < positions.Count; i++)
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

    IEnumerable<(Slot Slot, long[] Positions)> IChangesEntries.ChangedEntries()
    {
        var kept = _trained.ToDictionary(t => t.Slot, t => t.Positions.cpu().data<long>().ToArray());
        return _slots.Select(slot => (slot, kept.GetValueOrDefault(slot) ?? []));
    }

    // The tensors whose entries may be trained, in the order of the model.
    internal IReadOnlyList<Slot> Slots => _slots;

    // The trained values, which stand for some entries of a tensor each.
    private protected IEnumerable<AdapterTensor> TrainedValues => _trained.Select(t => t.Values);

    /// <summary>The trained values with the tensors and the positions that they stand for.</summary>
    internal IReadOnlyList<(Slot Slot, Tensor Positions, AdapterTensor Values)> Places => _trained;

    // Trains entries that a file names; none trains nothing.
    internal void TrainSaved(long[][] positions, IEnumerable<Tensor> values)
    {
        Train(positions, Saved);
        foreach (var (trained, saved) in _trained.Zip(values)) trained.Values.Value.copy_(saved);
    }
}
