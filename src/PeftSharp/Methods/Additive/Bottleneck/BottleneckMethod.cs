using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>Bottleneck adapters after attention, after the feed-forward block, or both; sequential or parallel.</summary>
internal sealed partial class BottleneckMethod(string name, BottleneckOptions options) : PeftMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "bottleneck",
        Family = MethodFamily.Additive,
        PeftType = "BOTTLENECK",
        Paper = "Houlsby et al. 2019, arXiv 1902.00751; Pfeiffer et al. 2020, arXiv 2005.00247; He et al. 2021, arXiv 2110.04366; "
            + "Compacter: Mahabadi et al. 2021, arXiv 2106.04647; invertible (MAD-X): Pfeiffer et al. 2020, arXiv 2005.00052; "
            + "AdapterPlus: Steitz and Roth 2024, arXiv 2406.06820",
        Sites = "residual branches",
        Summary = "Small two-layer networks with a residual inside every layer.",
        Formula =
            "y = x + scaling·up(f(down(x))), x: the output of a residual branch; parallel: y = branch(z) + scaling·up(f(down(z))), z: "
            + "its input",
        OptionsType = typeof(BottleneckOptions),
        Layouts = [new BottleneckAdapterHub(), PeftLayout.Plain],
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["pfeiffer"] = () => new BottleneckOptions(),
            ["seq_bn"] = () => new BottleneckOptions(),
            ["houlsby"] = DoubleSequential,
            ["double_seq_bn"] = DoubleSequential,
            ["houlsby-2019"] = () => new BottleneckOptions
            {
                AfterAttention = true,
                Size = 64,
                NonLinearity = "gelu",
                OriginalNormBefore = false,
                InitWeights = "houlsby",
                InitScale = 1e-3,
                TrainNorms = true,
            },
            ["parallel"] = () => Parallel("4"),
            ["par_bn"] = () => Parallel("4"),
            ["scaled-parallel"] = () => Parallel("learned"),
            ["scaled_par_bn"] = () => Parallel("learned"),
            ["compacter"] = () => DoubleSequential() with { Phm = true, ReductionFactor = 32, NonLinearity = "gelu" },
            ["compacter++"] = () => new BottleneckOptions { Phm = true, ReductionFactor = 32, NonLinearity = "gelu" },
            ["seq_bn_inv"] = () => new BottleneckOptions { Invertible = "nice", InvertibleFactor = 2 },
            ["double_seq_bn_inv"] = () => DoubleSequential() with { Invertible = "nice", InvertibleFactor = 2 },
            ["adapterplus"] = () => new BottleneckOptions
            {
                ReductionFactor = 96,
                NonLinearity = "gelu",
                OriginalNormAfter = false,
                ResidualBeforeNorm = "false",
                InitWeights = "houlsby",
                Scaling = "channel",
                StochasticDepth = 0.1,
            },
        },
    };

    private static BottleneckOptions DoubleSequential() =>
        new() { AfterAttention = true, OriginalNormBefore = false, NonLinearity = "swish" };

    private static BottleneckOptions Parallel(string scaling) =>
        new() { ReductionFactor = 2, IsParallel = true, OriginalNormBefore = false, InitWeights = "mam_adapter", Scaling = scaling };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        var sites = host.Sites.Branches
            .Where(b => IsWanted(b.Kind) && !options.LeaveOut.Contains(b.Layer)).ToList();
        if (sites.Count == 0)
        {
            throw new PeftException(options.AfterAttention || options.AfterFeedForward
                ? "BOTTLENECK: \"leave_out\" names every layer; leave one in."
                : "BOTTLENECK: \"cross_adapter\" alone is true, but the model has no attention to another sequence; set "
                    + "\"output_adapter\" to true.");
        }
        if (options.Phm) SharePhm(host.Width);
        foreach (var site in sites) Plug(site.Plugins, new BottleneckBranch(options, Create(site), site.Norm));
        if (options.Invertible is not null) Invert(host);
        if (options.TrainNorms)
            foreach (var norm in host.Sites.Norms)
            {
                TrainCopy(norm.Weight);
                if (norm.Bias is not null) TrainCopy(norm.Bias);
            }
        TrainModules(options.ModulesToSave);
        if (options.UseGating) Tag.NeedAllTokens(options.GateOverPadding);
    }

    private bool HasSlope => LearnedSlope.IsMeant(options.NonLinearity);

    private bool IsWanted(BranchKind kind) => kind switch
    {
        BranchKind.Attention => options.AfterAttention,
        BranchKind.CrossAttention => options.AfterCrossAttention,
        _ => options.AfterFeedForward,
    };

    private long SizeOf(long width, int layer)
    {
        var factor = options.LayerFactors?.TryGetValue(layer, out var own) == true ? own : options.ReductionFactor;
        var size = options.Size ?? Math.Max(1, (long)Math.Floor(width / factor));
        // AdapterHub refuses a width that its products do not fill.
        return options.Phm ? (size + options.PhmTerms - 1) / options.PhmTerms * options.PhmTerms : size;
    }

    private BottleneckTensors Create(BranchSite site)
    {
        var (path, width) = (site.Path, site.Width);
        var size = SizeOf(width, site.Layer);
        AdapterTensor Part(string local, Tensor start, bool decay = true) => Add(path, local, start, decay);
        AdapterTensor Matrix(string local, long rows, long columns, bool isUp) =>
            Add(path, local, [rows, columns], () => Start($"{path}.{(isUp ? "up" : "down")}", rows, columns, isUp));
        Norm NewNorm(string local) => new(
            NormKind.Layer, Part($"{local}.weight", ones(width), false).Slot, Part($"{local}.bias", zeros(width), false).Slot, 1e-5);

        var before = options.NormBefore ? NewNorm("adapter_norm_before") : null;
        var first = options.NormBefore ? 1 : 0;
        var (down, downBias) = options.Phm ? PhmMap(path, $"adapter_down.{first}", width, size, isUp: false)
            : (Matrix($"adapter_down.{first}.weight", size, width, isUp: false), Part($"adapter_down.{first}.bias", zeros(size), false));
        var (up, upBias) = options.Phm ? PhmMap(path, "adapter_up", size, width, isUp: true)
            : (Matrix("adapter_up.weight", width, size, isUp: true), Part("adapter_up.bias", zeros(width), false));
        // Weight decay would pull it to a relu.
        var slope = HasSlope ? Part($"non_linearity.{LearnedSlope.Local}", LearnedSlope.New(), false) : null;
        var scaling = options.FixedScaling is null ? Part("scaling", ones(options.Scaling == "channel" ? width : 1)) : null;
        var gate = !options.UseGating ? null : new Gate(
            Part("gate.weight", Initial.Normal([1, width], 0.02, SeedOf($"{path}.gate"))), Part("gate.bias", zeros(1), false),
            options.GateOverPadding);
        var after = options.NormAfter ? NewNorm("adapter_norm_after") : null;
        return new(down, downBias, up, upBias, scaling, gate, before, after) { Slope = slope };
    }

    private Tensor Start(string what, long rows, long columns, bool isUp) => options.InitWeights switch
    {
        "bert" => Initial.Normal([rows, columns], 0.02, SeedOf(what)),
        "mam_adapter" => isUp ? zeros(rows, columns) : Initial.KaimingUniform([rows, columns], SeedOf(what)),
        _ => Initial.TruncatedNormal([rows, columns], options.InitScale, SeedOf(what)),
    };
}
