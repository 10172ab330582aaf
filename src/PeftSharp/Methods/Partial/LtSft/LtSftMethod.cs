using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.LtSft;

/// <summary>
/// Lottery Ticket Sparse Fine-Tuning: train everything, keep the places of the largest changes, go back to the start and train those alone.
/// </summary>
/// <remarks>
/// The head is trained in both phases and goes back to its start between them, as in the paper's code. The first phase costs what full
/// fine-tuning costs; <see cref="SearchingMethod"/> says when it begins and ends.
/// </remarks>
internal sealed class LtSftMethod(string name, LtSftOptions options) : SearchingMethod(name)
{
    private const string Change = "change";

    private readonly List<AdapterTensor> _copies = [];
    private readonly List<(AdapterTensor Tensor, Tensor Start)> _head = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "lt-sft",
        Aliases = ["sft"],
        Family = MethodFamily.Partial,
        PeftType = "LT_SFT",
        Paper = "Ansell et al. 2022, arXiv 2110.07560",
        Sites = "slots",
        Summary = "Everything is trained, then only the weights that changed most, from their start; and the head.",
        Formula = "phase 1: w₀ → w₁, all weights trained; phase 2: W' = w₀ but at the k entries with the largest |w₁ − w₀|, which are "
            + "trained from w₀; λ/N · Σ |w − w₀| may be added to the loss",
        OptionsType = typeof(LtSftOptions),
        Layouts = [new SearchingPeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    internal override WeightChoice Amount => options.Amount;

    private protected override string Search => "full";

    private protected override double SearchShare => options.FullShare;

    /// <inheritdoc/>
    internal override bool PhasesReachHead => true;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        base.OnAttach(host);
        OnDetach(_copies.Clear);
        foreach (var tensor in Tensors.Where(t => t.SavedModule))
            _head.Add((tensor, tensor.Value.detach().clone().DetachFromDisposeScope()));
        OnDetach(() =>
        {
            foreach (var (_, start) in _head) start.Dispose();
            _head.Clear();
        });
    }

    private protected override void BeginSearch() => _copies.AddRange(Slots.Select(slot => TrainCopy(slot)));

    private protected override void ChooseFound()
    {
        // The copies are not needed any more: their changes are worked out in their place.
        foreach (var (slot, copy) in Slots.Zip(_copies)) copy.Value.Increase(slot.Value.to(copy.Value.dtype), -1).abs_();
        Choose([.. _copies.Select(copy => copy.Value)], Change);
        foreach (var (tensor, start) in _head) tensor.Value.copy_(start);
    }

    private protected override void EndSearch()
    {
        _copies.ForEach(Untrain);
        _copies.Clear();
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
    {
        var strength = IsSearching ? options.FullPenalty : options.SparsePenalty;
        if (strength == 0 || loss.Weight == 0) return loss;
        var changes = (IsSearching ? WholeChanges() : KeptChanges()).Select(change => change.abs().sum()).ToArray();
        return loss.Plus(stack(changes).sum().Times(strength / Host.Sites.Count).to(loss.Mean.dtype));
    }

    private IEnumerable<Tensor> WholeChanges() => Slots.Zip(_copies, (slot, copy) => copy.Value.Plus(slot.Value.to(copy.Value.dtype), -1));

    private IEnumerable<Tensor> KeptChanges() =>
        Places.Select(t => t.Values.Value.Plus(StartOf(t.Slot, t.Positions).to(t.Values.Value.dtype), -1));

    private static Tensor StartOf(Slot slot, Tensor positions) => slot.Value.reshape(-1).index_select(0, positions);
}
