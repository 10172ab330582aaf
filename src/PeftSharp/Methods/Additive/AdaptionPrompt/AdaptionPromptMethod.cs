using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>Adaption prompt: every query attends to trained vectors as well, their share let in by a gate that starts at zero.</summary>
internal sealed class AdaptionPromptMethod(string name, AdaptionPromptOptions options) : PeftMethod(name)
{
    private AdaptionPromptOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "adaption-prompt",
        Aliases = ["adaption_prompt", "llama-adapter"],
        Family = MethodFamily.Additive,
        PeftType = "ADAPTION_PROMPT",
        Paper = "Zhang et al. 2023, arXiv 2303.16199",
        Sites = "attentions",
        Summary = "Trained vectors that every query of the upper layers attends to, behind a gate that starts at zero.",
        Formula = "attention(q, K, V) + g·softmax(q·(Wk·P)ᵀ / √d)·(Wv·P), P and g trained in each layer, g = 0 at the start",
        OptionsType = typeof(AdaptionPromptOptions),
        NeutralStart = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        var sites = Choose(host.Sites);
        _options = _options with
        {
            LayerCount = sites.Count,
            TargetModules = _options.TargetModules ?? new Targets(Tail(sites[0].Path)),
            ModulesToSave = ModulesWithHead(_options.ModulesToSave),
        };
        foreach (var site in sites) Adapt(site, host);
        TrainModules(_options.ModulesToSave);
    }

    private List<AttentionSite> Choose(SiteMap map)
    {
        // Of two stacks the decoder has the prompts.
        var stacks = map.Attentions.Select(a => a.Place.Stack).Distinct().Count();
        var self = map.Attentions.Where(a => a.Kind == AttentionKind.Self && (stacks == 1 || a.Place.Stack == LayerStack.Decoder)).ToList();
        var sites = self.Where(a => IsTarget(a.Path)).ToList();
        if (sites.Count == 0)
        {
            throw new PeftException(
                $"ADAPTION_PROMPT: no attention matches \"target_modules\" ({_options.TargetModules}); the model's are called "
                + $"{string.Join(", ", self.Select(a => Tail(a.Path)).Distinct())}.");
        }
        var count = _options.LayerCount ?? sites.Count;
        if (count > sites.Count)
            throw new PeftException(
                $"ADAPTION_PROMPT: \"adapter_layers\" is {count}, but the model has {sites.Count} layers with such an attention.");
        return sites[^count..];
    }

    private bool IsTarget(string path) => _options.TargetModules is not { } targets
        || (targets.Names ?? [targets.Text!]).Any(name => path == name || path.EndsWith($".{name}", StringComparison.Ordinal));

    private void Adapt(AttentionSite site, MethodHost host)
    {
        var prompt = Add(
            site.Path, "adaption_prompt", [1, _options.Length, host.Width], () =>
                Initial.Normal([1, _options.Length, host.Width], 1, SeedOf(site.Path)));
        var gate = Add(site.Path, "adaption_gate", zeros(1));
        var attention = new PromptAttention(prompt, gate, PromptMap.Of(site.Key, host.Sites), PromptMap.Of(site.Value, host.Sites));
        if (host.ModelType != "gpt2")
        {
            Plug<IAttentionPlugin>(site.Plugins, attention);
            return;
        }
        // peft's own definition for this architecture leaves the map out that joins the heads.
        var branch =
            host.Sites.Branches.First(b => b.Kind == BranchKind.Attention && b.Place.Stack == site.Place.Stack && b.Layer == site.Layer);
        Plug<IBranchPlugin>(branch.Plugins, new PromptBranch(attention, PromptMap.Of(site.Query, host.Sites), site.Shape));
    }

    private static string Tail(string path) => path[(path.LastIndexOf('.') + 1)..];
}
