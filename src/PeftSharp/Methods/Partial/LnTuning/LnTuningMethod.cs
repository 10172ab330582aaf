namespace PeftSharp.Methods.Partial.LnTuning;

/// <summary>LN-tuning: trained copies stand in for the scales and shifts of norms.</summary>
internal sealed class LnTuningMethod(string name, LnTuningOptions options) : PeftMethod(name)
{
    private const string Layer = "ln_tuning_layers";

    private LnTuningOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "ln-tuning",
        Aliases = ["ln_tuning", "layernorm"],
        Family = MethodFamily.Partial,
        PeftType = "LN_TUNING",
        Paper = "Zhao et al. 2023, arXiv 2312.11420",
        Sites = "slots",
        Summary = "Only norms are trained, and the head.",
        Formula = "norm(x) = g ⊙ x̂ + c, every g and c trained (root-mean-square norms have no c)",
        OptionsType = typeof(LnTuningOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var all = host.Sites.Norms.Select(n => n.Weight.Module).ToList();
        var norms = host.Sites.Norms.Where(n => IsTarget(n.Weight.Module)).ToList();
        if (norms.Count == 0)
        {
            throw new PeftException(
                $"LN_TUNING: no norm matches \"target_modules\" ({_options.TargetModules?.ToString() ?? "every norm"}); the model's "
                + "norms are called "
                + $"{string.Join(", ", all.Select(Tail).Distinct())}.");
        }
        var chosen = norms.Select(n => n.Weight.Module).ToList();
        _options = _options with { TargetModules = _options.TargetModules ?? Named(chosen, all) };
        foreach (var norm in norms)
        {
            // peft counts a copied norm beside the model's own, as it does a saved module.
            TrainCopy(norm.Weight, $"{Layer}.weight", savedModule: true);
            if (norm.Bias is not null) TrainCopy(norm.Bias, $"{Layer}.bias", savedModule: true);
        }
        TrainModules(_options.ModulesToSave);
    }

    private bool IsTarget(string path) => (_options.TargetModules is not { } targets || targets.Match(path))
        && _options.ExcludeModules?.Match(path) != true
        && _options.ModulesToSave?.Any(name => Targets.IsSavedModule(path, name)) != true;

    private static Targets Named(IReadOnlyList<string> chosen, IEnumerable<string> all)
    {
        var named = new Targets([.. chosen.Select(Tail).Distinct()]);
        return all.Where(named.Match).ToHashSet().SetEquals(chosen) ? named : new(chosen);
    }

    private static string Tail(string path) => path[(path.LastIndexOf('.') + 1)..];
}
