using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Cpt;

/// <summary>
/// Context-aware prompt tuning: labelled examples stand before every sequence, their vectors move a little, and their labels are learnt
/// with the sequence's own.
/// </summary>
internal sealed class CptMethod(string name, CptOptions options) : PeftMethod(name)
{
    // Nothing that may not move is ever further away than this, as in peft.
    private const double Still = 1e-10, UsualWidth = 2048;

    private CptOptions _options = options;
    private AdapterTensor? _embedding, _delta;
    private Tensor? _reach;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "cpt",
        Aliases = ["context-aware-prompt"],
        Family = MethodFamily.Additive,
        PeftType = "CPT",
        Paper = "Blau et al. 2024, arXiv 2410.17222",
        Sites = "input",
        Summary =
            "Labelled examples before every sequence, whose vectors move a little and whose labels are learnt with its own; for text.",
        Formula = "the model reads [E(context) + Δ; E(tokens)], Δ = 0 at labels and ‖Δᵢ‖ ≤ ε·√(width/2048) elsewhere; "
            + "loss: mean over the labels of context and tokens, each times its weight",
        OptionsType = typeof(CptOptions),
        Layouts = [new CptPeft()],
        TaskType = "CAUSAL_LM",
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <summary>What the model reads, [tokens, width].</summary>
    internal Tensor Vectors => _embedding!.Value.Plus(_delta!.Value.detach());

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        if (host.TaskType != "CAUSAL_LM" || host.Sites.Inputs.Count != 1)
            throw new PeftException(
                $"CPT: it learns the labels of its context as texts, so it is for models that write (CAUSAL_LM) and this one answers "
                + $"{host.TaskType}; load the model for generation, or take prompt tuning.");
        var (attention, words) = (host.Sites.Attentions[0], host.Sites.Embeddings[0]);
        if (_options.TokenIds!.Max() is var last && last >= words.Vocabulary)
            throw new PeftException(
                $"CPT: \"cpt_token_ids\" holds {last}; the model's vocabulary has the ids 0 to {words.Vocabulary - 1}.");
        var (count, width) = (_options.TokenIds!.Count, (int)words.Dim);
        _options = _options with
        {
            VirtualTokens = count,
            TokenDim = width,
            LayerCount = host.Sites.Attentions.Count,
            HeadCount = attention.Heads,
            Submodules = 1,
            ModulesToSave = ModulesWithHead(_options.ModulesToSave),
        };
        var ids = _options.TokenIds.Select(id => (long)id).ToArray();
        _embedding = AddFrozen("", "embedding.weight", [count, width], () =>
            words.Table.Base.index_select(0, tensor(ids, ScalarType.Int64, device: host.Device)));
        _delta = Add("", "delta_embedding.weight", [count, width], () => zeros(count, width));
        var reach = _options.Types!.Select(type => Reach(type) * Math.Sqrt(width / UsualWidth)).ToArray();
        _reach = tensor(reach, [count, 1], ScalarType.Float64, device: host.Device).to(host.Precision).DetachFromDisposeScope();
        OnDetach(() => _reach.Dispose());
        Plug<IInputPlugin>(host.Sites.Inputs[0].Plugins, new CptInput(_embedding, _delta, _reach, CptLabels.Of(_options)));
        TrainModules(_options.ModulesToSave);
    }

    /// <inheritdoc/>
    /// <remarks>peft does it at the next forward: what is read is the same.</remarks>
    public override void AfterStep(StepState step)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var delta = _delta!.Value;
        var norm = delta.norm(1, keepdim: true, p: 2f);                         // [tokens, 1]
        var factor = _reach!.AtLeast(Still) / norm.maximum(_reach!.AtLeast(Still));
        delta.copy_(delta * factor);
    }

    /// <inheritdoc/>
    /// <remarks>A file holds the vectors as they ended and nothing of how far they moved, as in peft.</remarks>
    public override bool EncoderIsKnown => false;

    /// <summary>Takes over what a file holds: the vectors as they ended.</summary>
    internal void Fix(Tensor vectors)
    {
        using var guard = no_grad();
        _embedding!.Value.copy_(vectors);
        _delta!.Value.zero_();
    }

    private double Reach(int type) => (type % 4) switch
    {
        1 or 3 => _options.FormatEpsilon,
        2 => _options.InputEpsilon,
        _ => 0,
    };
}
