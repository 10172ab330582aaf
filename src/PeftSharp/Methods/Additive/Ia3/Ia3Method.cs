using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>(IA)³: learned factors of keys, values and the feed-forward block's inner activations.</summary>
public sealed class Ia3Method(string name, Ia3Options options) : PeftMethod(name)
{
    private const string Factor = "ia3_l";

    private Ia3Options _options = options;
    private LoraParts? _parts;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "ia3",
        Aliases = ["(ia)3"],
        Family = MethodFamily.Additive,
        PeftType = "IA3",
        Paper = "Liu et al. 2022, arXiv 2205.05638",
        Sites = "projections",
        Summary = "One learned factor for each number that a linear map yields or reads; merges at no inference cost.",
        Formula = "keys and values: y = l ⊙ (W·x + b); feed-forward block: y = W·(l ⊙ x) + b, l trained",
        OptionsType = typeof(Ia3Options),
        NeutralStart = true,
        Mergeable = true,
        FromAdapterHub = Ia3AdapterHub.Read,
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["ia3-adapterhub"] = () => new Ia3Options { Roles = Ia3AdapterHub.Roles },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var maps = new Ia3Maps(_options, host.Sites);
        if (maps.Sites.Count == 0)
        {
            throw new PeftException(
                $"IA3: no module matches \"target_modules\" ({_options.TargetModules?.ToString() ?? "keys, values, feed-forward"}); the model's linear "
                + $"maps are called {string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        }
        _parts = maps.Sites.Any(p => p.Weight is PartSlot) ? new(maps.Sites) : null;
        var transposed = maps.Sites.Any(p => p.Weight.IsTransposedOnDisk);
        if (_options.FanInFanOut && !transposed)
            throw new PeftException("IA3: \"fan_in_fan_out\" is true, but the weights of this model's maps are [out, in]; set it to false.");
        _options = _options with { FanInFanOut = transposed };
        if (_options.Roles is null) _options = _options with { TargetModules = maps.Targets, FeedForwardModules = maps.Inputs };
        foreach (var site in maps.Sites) Scale(site, maps.ReadsScaled(site));
        TrainModules(_options.ModulesToSave);
    }

    private void Scale(ProjectionSite site, bool input)
    {
        long[] shape = input ? [1, site.InFeatures] : [site.OutFeatures, 1];
        var factor = Add(site.Path, Factor, shape, () => _options.InitWeights ? ones(shape) : Initial.Normal(shape, 1, SeedOf($"{site.Path}.{Factor}")));
        Plug<IProjectionPlugin>(site.Plugins, input ? new Ia3Input(factor) : new Ia3Output(factor));
    }

    /// <inheritdoc/>
    public override string? SavedName(AdapterTensor tensor, AdapterFormat format)
    {
        if (format == AdapterFormat.Peft && _options.Roles is not null)
        {
            throw new PeftException(
                "IA3: AdapterHub scales what the feed-forward block's first map yields and peft what its second map reads, so the adapter cannot be "
                + "saved in the peft format; save it in the AdapterHub format.");
        }
        if (format == AdapterFormat.Peft) return base.SavedName(tensor, format);
        return tensor.SavedModule ? null : $"{tensor.Path}.loras.{Name}.lora_B";
    }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> SavedTensors(AdapterFormat format) =>
        _parts?.Join(base.SavedTensors(format)) ?? base.SavedTensors(format);

    /// <inheritdoc/>
    public override void LoadTensors(IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format, string file)
    {
        if (_parts is null || format == AdapterFormat.Peft)
        {
            base.LoadTensors(saved, format, file);
            return;
        }
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // Here the message can still name the tensor that stands in the file.
        foreach (var (key, value) in SavedTensors(format)) RequireShape(saved, key, value.shape, file);
        base.LoadTensors(_parts.Split(saved), format, file);
    }
}
