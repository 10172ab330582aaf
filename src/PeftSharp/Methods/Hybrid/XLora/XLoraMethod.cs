using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.XLora;

/// <summary>X-LoRA: several LoRAs, weighed token by token by a classifier of what a first pass of the model made of the text.</summary>
internal sealed class XLoraMethod(string name, XLoraOptions options) : CompositeMethod(name)
{
    private const int UsualExperts = 4;

    private const string PartsField = "parts", ExpertsField = "experts";

    private XLoraOptions? _attached;

    // Of the experts that stay as they are: a run that is taken up needs the same.
    private List<string> _digests = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "xlora",
        Aliases = ["x-lora"],
        Family = MethodFamily.Hybrid,
        PeftType = "XLORA",
        Paper = "Buehler and Buehler 2024, arXiv 2402.07148",
        Sites = "projections",
        Summary = "Several LoRAs, given or trained with it, and a classifier that weighs them for each token by the last states of a first "
            + "pass without them; every call runs the model twice, and nothing can be merged.",
        Formula = "y = W·x + b + w·Σₑ gₑ·sₑ·Bₑ·Aₑ·dropout(x), sₑ = alphaₑ / rₑ, g = softmax(C(h) / softmax_temperature) of the token, C "
            + "linear maps with relu between them, h the token's last state in a first pass in which every gₑ is scaling_pass_value, w = "
            + "global_scaling_weight",
        OptionsType = typeof(XLoraOptions),
        NeutralStart = true,
        Layouts = [new XLoraPeft()],
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _attached ?? options;

    /// <summary>What weighs the experts; null before the adapter is attached.</summary>
    internal XLoraClassifier? Classifier { get; private set; }

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(() => (_attached, Classifier, _digests) = (null, null, []));
        RequireFit(host);
        var folders = Folders(host);
        List<MethodOptions> experts = folders is null ? [.. Settings(host)] : [.. folders.Select(folder => folder.Options)];
        if (options.Active > experts.Count)
            throw new PeftException(
                $"XLORA: \"top_k_lora\" is {options.Active}; expected null or a whole number from 1 to {experts.Count}, as many as "
                + "there are experts.");
        var trains = options.TrainsExperts ?? folders is null;
        var classifier = new XLoraClassifier(options, experts.Count);
        var crossing = host.Sites.Attentions.Where(site => site.Kind == AttentionKind.Cross)
            .SelectMany(site => (ProjectionSite[])[site.Key, site.Value])
            .ToHashSet();
        for (var i = 0; i < experts.Count; i++)
        {
            var (expert, folder) = (i, folders?[i]);
            var part = AddPart(
                experts[i], folder is null ? host : host with { FromFile = true, SavedNumbers = folder.Numbers },
                lora => ((LoraMethod)lora).Weighing = (site, scale) =>
                {
                    RequireTokens(site);
                    classifier.Adapts(site.Path);
                    var readsSource = site.Place.Stack == LayerStack.Encoder || crossing.Contains(site);
                    return new ExpertShare(classifier, site, readsSource, expert, scale);
                });
            // Files of an expert know nothing of the others; here their tensors have names of their own.
            foreach (var tensor in part.Tensors) tensor.Scope = "";
            folder?.Fill(part, host);
            foreach (var tensor in part.Tensors) tensor.Scope = string.Create(CultureInfo.InvariantCulture, $"{expert}:");
            if (!trains) Freeze(part);
        }
        classifier.Place(host.Sites.Projections.Select(site => site.Path));
        foreach (var (local, shape) in classifier.Shapes(host.StateWidth))
        {
            // The start of torch's linear maps, of both parts.
            var bound = 1 / Math.Sqrt(classifier.InputOf(local, host.StateWidth));
            classifier.Take(Add("", local, shape, () => Initial.Uniform(shape, bound, SeedOf(local)), decay: shape.Length == 2));
        }
        TrainModules(options.ModulesToSave);
        Tag.NeedScout(baseAlone: !host.IsPart && options.FirstWeight == 0 && options.ModulesToSave is not { Count: > 0 });
        Classifier = classifier;
        _digests = trains ? [] : [.. (folders ?? []).Select(folder => folder.Digest())];
        _attached = options with
        {
            HiddenSize = host.StateWidth,
            TrainsExperts = trains,
            DrawnExperts = null,
            Expert = null,
            Experts = [.. Parts.Select(part => new MethodPart(part.Options))],
        };
    }

    /// <inheritdoc/>
    public override JsonNode? StateJson => _digests.Count == 0 ? base.StateJson
        : new JsonObject { [PartsField] = base.StateJson, [ExpertsField] = new JsonArray([.. _digests.Select(hex => (JsonNode)hex)]) };

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        if (_digests.Count > 0)
        {
            var saved = (json as JsonObject)?[ExpertsField] as JsonArray ?? [];
            if (!saved.Select(hex => hex?.ToString()).SequenceEqual(_digests))
                throw new PeftException(
                    "XLORA: the folders that \"adapters\" names do not hold the experts that the run began with; put those back, or begin "
                    + "a new run.");
            json = ((JsonObject)json!)[PartsField]?.DeepClone();
        }
        base.RestoreState(tensors, json);
    }

    private void RequireFit(MethodHost host)
    {
        if (host.Sites.Layers.Count == 0)
            throw new PeftException(
                "XLORA: a network of modules of one's own has no first pass whose last states could be read; attach it to a model of this "
                + "library.");
        if (!host.FromFile && options.HiddenSize is { } told && told != host.StateWidth)
            throw new PeftException($"XLORA: \"hidden_size\" is {told}; expected null or the model's, {host.StateWidth}.");
        if (host.FromFile && options.Experts is null)
            throw new PeftException(
                "XLORA: the settings lack \"experts\", so the file holds the classifier alone, as peft writes it; train an adapter with "
                + "\"adapters\" naming the folders of its experts.");
    }

    // The given experts; null where they come from the adapter's own file, or are drawn.
    private List<ExpertFolder>? Folders(MethodHost host) => host.FromFile || options.Adapters is not { Count: > 0 } given ? null
        : [.. given.Select(pair => ExpertFolder.Open(pair.Key, pair.Value, options))];

    private IEnumerable<MethodOptions> Settings(MethodHost host)
    {
        if (!host.FromFile && options.TrainsExperts == false)
            throw new PeftException(
                "XLORA: \"use_trainable_adapters\" is false, but no experts are given: those that are drawn have learnt nothing yet; name "
                + "trained ones in \"adapters\", or set it to true.");
        return options.Experts?.Select(part => part.Options)
            ?? Enumerable.Repeat(options.Expert?.Options ?? new LoraOptions(), options.DrawnExperts ?? UsualExperts);
    }

    // What reads no states of the layers' tokens has no weights.
    private static void RequireTokens(ProjectionSite site)
    {
        if (site.Role is ProjectionRole.Head or ProjectionRole.Vocabulary)
            throw new PeftException(
                $"XLORA: {site.Path} is the head, which does not read every token; leave it out of the experts' \"target_modules\".");
    }
}
