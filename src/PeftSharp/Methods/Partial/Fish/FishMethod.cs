using System.Text.Json.Nodes;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Fish;

/// <summary>FISH mask: the weights with the largest Fisher information are trained, the others stay as they are, bit for bit.</summary>
/// <remarks>
/// The weights are chosen once, before the first step of training. Until then, and where training never prepares the adapter, the same number of weights
/// with the largest magnitudes stands in, so that an adapter is always whole.
/// </remarks>
public sealed class FishMethod(string name, FishOptions options) : PeftMethod(name)
{
    private const string Magnitude = "magnitude", Values = ".values", Gaps = ".gaps", Bits = ".bits";

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
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <summary>What the trained weights were chosen by: <c>magnitude</c> before the adapter is prepared, then <c>empirical</c> or <c>expected</c> (the Fisher information), or <c>file</c>.</summary>
    public string ChosenBy => _chosenBy;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _chosenBy = Magnitude;
        TrainModules(options.ModulesToSave);
        _slots = [.. host.Sites.Slots.Where(s => !Tensors.Any(t => t.Name == s.Name) && !host.WholeHead.Any(m => Targets.IsSavedModule(s.Module, m)))];
        OnDetach(_trained.Clear);
        Claim(_slots);
        if (host.FromFile) return;
        using var guard = no_grad();
        Choose([.. _slots.Select(s => s.Value.abs())], Magnitude);
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
            throw new PeftException($"The saved training state is not that of {Options.PeftType} on this model ({unknown ?? "\"chosen_by\" is missing"}); resume the run that it belongs to.");
        foreach (var slot in _slots)
            if (tensors.TryGetValue(slot.Name, out var saved) && !Fits(slot, saved))
                throw new PeftException($"The saved training state holds positions of \"{slot.Name}\" that are not all among its {slot.Count:N0} entries; resume from another checkpoint.");
        Train([.. _slots.Select(s => tensors.TryGetValue(s.Name, out var saved) ? saved.cpu().data<long>().ToArray() : [])], chosenBy);
    }

    private static bool Fits(Slot slot, Tensor saved)
    {
        if (saved.dtype != ScalarType.Int64 || saved.dim() != 1) return false;
        var positions = saved.cpu().data<long>().ToArray();
        return positions.Length > 0 && positions[0] >= 0 && positions[^1] < slot.Count && positions.Zip(positions.Skip(1)).All(pair => pair.First < pair.Second);
    }

    private void Choose(IReadOnlyList<Tensor> scores, string by)
    {
        var count = Math.Max(1, (long)(options.Keep * scores.Sum(s => s.numel())));
        Train(LargestEntries.Find(scores, count), by);
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

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> SavedTensors(AdapterFormat format)
    {
        foreach (var tensor in Tensors)
        {
            var key = SavedName(tensor, format)!;
            var (slot, kept, values) = _trained.FirstOrDefault(t => t.Values == tensor);
            if (values is null)
            {
                yield return new(key, tensor.IsTransposedOnDisk ? tensor.OnDisk.contiguous() : tensor.Value);
                continue;
            }
            var (positions, order) = OnDisk(slot, kept);
            var (gaps, bits) = (PositionCode.Gaps(positions), (slot.Count + 7) / 8);
            yield return new(key, order is null ? values.Value : values.Value.detach().index_select(0, order));
            var place = key[..^Values.Length];
            yield return gaps.Length <= bits
                ? new(place + Gaps, torch.tensor(gaps))
                : new(place + Bits, torch.tensor(PositionCode.Bits(positions, slot.Count)));
        }
    }

    /// <inheritdoc/>
    public override void LoadTensors(IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var rest = saved.ToDictionary();
        var read = _slots.Select(slot => Read(slot, rest, format, file)).ToList();
        if (!read.Exists(r => r.Positions.Length > 0))
            throw new PeftException($"{file}: no tensor ends in \"{Values}\", so nothing says which weights of this model were trained; the adapter was made for another base model.");
        Train([], "file");
        base.LoadTensors(rest, format, file);
        Train([.. read.Select(r => r.Positions)], "file");
        foreach (var (slot, _, values) in _trained) values.Value.copy_(read[_slots.ToList().IndexOf(slot)].Values!);
    }

    // Takes what belongs to a slot out of what was saved; values in the order of the positions here.
    private static (long[] Positions, Tensor? Values) Read(Slot slot, Dictionary<string, Tensor> saved, AdapterFormat format, string file)
    {
        var place = format == AdapterFormat.Peft ? $"base_model.model.{slot.Name}" : slot.Name;
        if (!saved.Remove(place + Values, out var values)) return ([], null);
        var isGaps = saved.Remove(place + Gaps, out var code);
        if (!isGaps && !saved.Remove(place + Bits, out code))
            throw new PeftException($"{file}: tensor \"{place}{Gaps}\" (or \"{Bits[1..]}\") is missing, which says where the values belong; save the adapter again.");
        long[]? found = null;
        if (values.dim() == 1 && values.numel() > 0 && code!.dim() == 1 && code.dtype == ScalarType.Byte)
        {
            var bytes = code.cpu().contiguous().data<byte>().ToArray();
            found = isGaps ? PositionCode.FromGaps(bytes, values.numel(), slot.Count) : PositionCode.FromBits(bytes, values.numel(), slot.Count);
        }
        if (found is null)
            throw new PeftException($"{file}: \"{place}{(isGaps ? Gaps : Bits)}\" does not name as many of the {slot.Count:N0} entries of \"{slot.Name}\" as there are values; the adapter was made for another base model, or the file is damaged.");
        return InMemory(slot, found, values);
    }

    // Files count entries as the checkpoint has them: a tensor that it keeps turned (GPT-2) is counted turned.
    private static (long[] Positions, Tensor? Order) OnDisk(Slot slot, Tensor kept)
    {
        var positions = kept.cpu().data<long>().ToArray();
        if (slot is not WeightSlot { IsTransposedOnDisk: true }) return (positions, null);
        var (outputs, inputs) = (slot.Value.shape[0], slot.Value.shape[1]);
        return Sorted(positions, p => p % inputs * outputs + p / inputs, kept.device);
    }

    private static (long[] Positions, Tensor Values) InMemory(Slot slot, long[] found, Tensor values)
    {
        if (slot is not WeightSlot { IsTransposedOnDisk: true }) return (found, values);
        var (outputs, inputs) = (slot.Value.shape[0], slot.Value.shape[1]);
        var (positions, order) = Sorted(found, p => p % outputs * inputs + p / outputs, values.device);
        return (positions, values.index_select(0, order));
    }

    private static (long[] Positions, Tensor Order) Sorted(long[] positions, Func<long, long> turn, Device device)
    {
        var turned = Array.ConvertAll(positions, p => turn(p));
        var order = Enumerable.Range(0, turned.Length).Select(i => (long)i).ToArray();
        Array.Sort(turned, order);
        return (turned, tensor(order, ScalarType.Int64, device: device));
    }
}
