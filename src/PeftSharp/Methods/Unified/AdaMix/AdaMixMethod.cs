using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.AdaMix;

/// <summary>AdaMix: a mixture of another method's modules; a step draws one of each, and the mean of them answers.</summary>
internal sealed class AdaMixMethod(string name, AdaMixOptions options) : CompositeMethod(name)
{
    private readonly AnswerRecorder _answers = new();

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "adamix",
        Family = MethodFamily.Unified,
        PeftType = "ADAMIX",
        Paper = "Wang et al. 2022, arXiv 2205.12410",
        Sites = "those of its part",
        Summary = "Several copies of each module of another method (part): a training step draws one of each, and the mean of them "
            + "answers; merges where its part does.",
        Formula = "training: the part with modules drawn, and ½·(KL(p‖q) + KL(q‖p)) of two draws' answers added to the loss (where any "
            + "number of classes may hold, the mean over classes); else the part with the mean of the modules",
        OptionsType = typeof(AdaMixOptions),
    };

    /// <inheritdoc/>
    public override MethodOptions Options => Parts.Count == 0 ? options : options with { Part = new(Parts[0].Options) };

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        var part = AddPart(options.Part.Options, host);
        var mixed = part.Tensors.Where(t => t.Role == TensorRole.Trained).ToList();
        if (mixed.Count == 0)
            throw new PeftException(
                $"ADAMIX: its part, {options.Part}, has no modules of its own that could be mixed; name another method.");
        var starts = host.FromFile ? [] : Enumerable.Range(1, options.Copies - 1).Select(copy => Starts(host, copy)).ToList();
        for (var i = 0; i < mixed.Count; i++)
        {
            var own = mixed[i];
            List<AdapterTensor> others = [];
            for (var copy = 1; copy < options.Copies; copy++)
            {
                var start = host.FromFile ? null : starts[copy - 1][i];
                others.Add(Add(own.Path, $"{own.Local}.{copy}", own.Value.shape, () => start!, own.Decay));
            }
            var module = $"{own.Path}.{own.Local[..Math.Max(0, own.Local.LastIndexOf('.'))]}";
            OnDetach(own.Slot.Replace(Tag, new MixedTensor(module, others).Read));
        }
        TrainModules(options.ModulesToSave);
        OnDetach(_answers.Dispose);
        if (host.HeadOutput is { } head && options.Consistency > 0) Plug<IProjectionPlugin>(head.Plugins, _answers);
    }

    // What the part would start from with another seed; it is taken off the model again.
    private List<Tensor> Starts(MethodHost host, int copy)
    {
        var other = options.Part.Options.Create(Name);
        other.Tag = new(Name);
        other.Attach(
            host with
            {
                HeadModules = [],
                WholeHead = host.WholeHead,
                IsPart = true,
                Seed = SeedSequence.Derive(host.Seed, $"copy {copy}"),
            });
        var values = other.Tensors.Where(t => t.Role == TensorRole.Trained).Select(t => t.Value.detach().clone()).ToList();
        other.Detach();
        return values;
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
    {
        loss = base.ComputeLoss(loss, call);
        if (!call.Context.Training || options.Consistency == 0 || options.Copies == 1) return loss;
        if (Answers() is not { } first) return loss;
        // Everything is drawn anew, dropout too. Of the second draw only the answer counts.
        call.Forward(call.Context with { Seed = SeedSequence.Derive(call.Context.Seed, "second draw") });
        return Answers() is { } second ? loss.Plus(Divergence(first, second).Times(options.Consistency / 2)) : loss;
    }

    private Tensor? Answers() => _answers.Take(single: !Host.AnswersEachClass);

    // KL(p‖q) + KL(q‖p) = Σ (p − q)·(log p − log q), the mean over rows.
    private Tensor Divergence(Tensor first, Tensor second)
    {
        // A class of its own holds or does not: Σ (p − q)·(log p − log q) over both is (p − q)·(logit p − logit q).
        if (Host.AnswersEachClass) return (first.sigmoid().Plus(second.sigmoid(), -1) * first.Plus(second, -1)).mean();
        var (p, q) = (nn.functional.log_softmax(first, -1), nn.functional.log_softmax(second, -1));
        return (p.exp().Plus(q.exp(), -1) * p.Plus(q, -1)).sum(-1).mean();
    }
}
