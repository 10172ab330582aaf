using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>Bottleneck adapters after attention, after the feed-forward block, or both; sequential or parallel.</summary>
public sealed class BottleneckMethod(string name, BottleneckOptions options) : PeftMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "bottleneck",
        Family = MethodFamily.Additive,
        PeftType = "BOTTLENECK",
        Paper = "Houlsby et al. 2019, arXiv 1902.00751; Pfeiffer et al. 2020, arXiv 2005.00247; He et al. 2021, arXiv 2110.04366",
        Sites = "residual branches",
        Summary = "Small two-layer networks with a residual inside every layer.",
        Formula = "y = x + scaling·up(f(down(x))), x: the output of a residual branch; parallel: y = branch(z) + scaling·up(f(down(z))), z: its input",
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
        },
    };

    private static BottleneckOptions DoubleSequential() => new() { AfterAttention = true, OriginalNormBefore = false, NonLinearity = "swish" };

    private static BottleneckOptions Parallel(string scaling) =>
        new() { ReductionFactor = 2, IsParallel = true, OriginalNormBefore = false, InitWeights = "mam_adapter", Scaling = scaling };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        var sites = host.Sites.Branches
            .Where(b => b.Kind == BranchKind.Attention ? options.AfterAttention : b.Kind == BranchKind.FeedForward && options.AfterFeedForward)
            .Where(b => !options.LeaveOut.Contains(b.Layer)).ToList();
        if (sites.Count == 0) throw new PeftException("BOTTLENECK: \"leave_out\" names every layer; leave one in.");
        foreach (var site in sites) Plug(site.Plugins, new BottleneckBranch(options, Create(site), site.Norm));
        if (options.TrainNorms)
            foreach (var norm in host.Sites.Norms)
            {
                TrainCopy(norm.Weight);
                if (norm.Bias is not null) TrainCopy(norm.Bias);
            }
        TrainModules(options.ModulesToSave);
        if (options.UseGating) Tag.NeedAllTokens(options.GateOverPadding);
    }

    private BottleneckTensors Create(BranchSite site)
    {
        var (path, width) = (site.Path, site.Width);
        var factor = options.LayerFactors?.TryGetValue(site.Layer, out var own) == true ? own : options.ReductionFactor;
        var size = options.Size ?? Math.Max(1, (long)Math.Floor(width / factor));
        AdapterTensor Part(string local, Tensor start, bool decay = true) => Add(path, local, start, decay);
        AdapterTensor Matrix(string local, long rows, long columns, bool isUp) =>
            Add(path, local, [rows, columns], () => Start($"{path}.{(isUp ? "up" : "down")}", rows, columns, isUp));
        Norm NewNorm(string local) => new(
            NormKind.Layer, Part($"{local}.weight", ones(width), false).Slot, Part($"{local}.bias", zeros(width), false).Slot, 1e-5);

        var before = options.NormBefore ? NewNorm("adapter_norm_before") : null;
        var first = options.NormBefore ? 1 : 0;
        var down = Matrix($"adapter_down.{first}.weight", size, width, isUp: false);
        var downBias = Part($"adapter_down.{first}.bias", zeros(size), false);
        var up = Matrix("adapter_up.weight", width, size, isUp: true);
        var upBias = Part("adapter_up.bias", zeros(width), false);
        var scaling = options.FixedScaling is null ? Part("scaling", ones(options.Scaling == "channel" ? width : 1)) : null;
        var gate = !options.UseGating ? null : new Gate(
            Part("gate.weight", Initial.Normal([1, width], 0.02, SeedOf($"{path}.gate"))), Part("gate.bias", zeros(1), false), options.GateOverPadding);
        return new(down, downBias, up, upBias, scaling, gate, before, options.NormAfter ? NewNorm("adapter_norm_after") : null);
    }

    private Tensor Start(string what, long rows, long columns, bool isUp) => options.InitWeights switch
    {
        "bert" => Initial.Normal([rows, columns], 0.02, SeedOf(what)),
        "mam_adapter" => isUp ? zeros(rows, columns) : Initial.KaimingUniform([rows, columns], SeedOf(what)),
        _ => Initial.TruncatedNormal([rows, columns], options.InitScale, SeedOf(what)),
    };
}
