using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.DiffPruning;

/// <summary>
/// Diff pruning: every weight has a change and a gate, and gates are trained to close; the largest changes are kept, and trained alone.
/// </summary>
/// <remarks>
/// The three stages of the paper in two phases: at the border the changes, times their gates, are cut to the largest ones, which go on
/// from where they are. The first phase holds two numbers for each weight, and an optimizer's state for both;
/// <see cref="SearchingMethod"/> says when it begins and ends.
/// </remarks>
internal sealed class DiffPruningMethod(string name, DiffPruningOptions options) : SearchingMethod(name)
{
    private const string Change = "change";

    private readonly HardConcrete _gate = new(options.Lower, options.Upper);
    private readonly List<Diff> _diffs = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "diff-pruning",
        Aliases = ["diff-prune"],
        Family = MethodFamily.Partial,
        PeftType = "DIFF_PRUNING",
        Paper = "Guo et al. 2021, arXiv 2012.07463; gates: Louizos et al. 2018, arXiv 1712.01312",
        Sites = "slots",
        Summary = "Changes of all weights with gates that learn to close; then only the largest are kept and trained on, and the head.",
        Formula = "phase 1: W' = W + z ⊙ δ, z = clamp(σ(log u − log(1 − u) + α) · (r − l) + l, 0, 1), loss + λ · Σ σ(α − log(−l / r)); "
            + "structured: z and its probability times those of the tensor; phase 2: the k entries with the largest |z ⊙ δ| trained on",
        OptionsType = typeof(DiffPruningOptions),
        Layouts = [new SearchingPeft()],
        NeutralStart = true,
        Mergeable = true,
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["diff-pruning-unstructured"] = () => new DiffPruningOptions { Structured = false },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    internal override WeightChoice Amount => options.Amount;

    private protected override string Search => "gates";

    private protected override double SearchShare => options.GateShare;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        base.OnAttach(host);
        OnDetach(_diffs.Clear);
    }

    private protected override void BeginSearch()
    {
        foreach (var slot in Slots) _diffs.Add(AddDiff(slot));
    }

    private Diff AddDiff(Slot slot)
    {
        var (shape, local) = (slot.Value.shape, slot.Name[(slot.Module.Length + 1)..]);
        AdapterTensor Gates(string what, long[] size)
        {
            var start = () => Arithmetic.Filled(size, options.Start, ScalarType.Float32, CPU);
            var alpha = Add(slot.Module, $"{local}.{what}", size, start, decay: false);
            (alpha.Group, alpha.RateFactor) = ("gates", options.GateRate);
            return alpha;
        }
        var decay = slot.Kind is SlotKind.Weight or SlotKind.Embedding;
        var delta = Add(slot.Module, $"{local}.delta", shape, () => zeros(shape), decay);
        var diff = new Diff(slot, delta, Gates("alpha", shape), options.Structured ? Gates("tensor_alpha", [1]) : null);
        OnUntrain(delta, slot.ReplaceTensor(Tag, (value, context) => value.Plus(Changed(diff, context).to(value.dtype))));
        return diff;
    }

    // z ⊙ δ, z drawn in training alone.
    private Tensor Changed(Diff diff, ForwardContext context)
    {
        Tensor Gate(AdapterTensor alpha)
        {
            var value = alpha.Get(context);
            return context.Training ? _gate.Draw(value, SeedSequence.Derive(context.Seed, alpha.Name)) : _gate.Value(value);
        }
        var z = Gate(diff.Alpha);
        if (diff.TensorAlpha is { } whole) z *= Gate(whole);
        return z * diff.Delta.Get(context);
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
    {
        if (!IsSearching || options.Penalty == 0 || loss.Weight == 0) return loss;
        var open = _diffs.Select(diff =>
        {
            var expected = _gate.Open(diff.Alpha.Value).sum();
            return diff.TensorAlpha is { } whole ? expected * _gate.Open(whole.Value).sum() : expected;
        });
        return loss.Plus(stack(open.ToArray()).sum().Times(options.Penalty).to(loss.Mean.dtype));
    }

    private protected override void ChooseFound()
    {
        var context = new ForwardContext { Selection = AdapterSelection.Of(Tag) };
        // In the place of δ, which is not needed any more.
        foreach (var diff in _diffs) diff.Delta.Value.copy_(Changed(diff, context));
        Choose([.. _diffs.Select(diff => diff.Delta.Value.abs())], Change);
        foreach (var (slot, positions, values) in Places)
        {
            var delta = _diffs.First(diff => diff.Slot == slot).Delta.Value;
            values.Value.Increase(delta.reshape(-1).index_select(0, positions));
        }
    }

    private protected override void EndSearch()
    {
        foreach (var diff in _diffs)
        {
            Untrain(diff.Delta);
            Untrain(diff.Alpha);
            if (diff.TensorAlpha is { } whole) Untrain(whole);
        }
        _diffs.Clear();
    }

    /// <summary>What is trained for one tensor of the base: δ, and α of its gates and of their common one.</summary>
    private sealed record Diff(Slot Slot, AdapterTensor Delta, AdapterTensor Alpha, AdapterTensor? TensorAlpha);
}
