using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>Ladder side tuning: a narrow network beside the model reads its layers' outputs and answers in its place.</summary>
internal sealed class LstMethod(string name, LstOptions options) : PeftMethod(name)
{
    private LstOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "lst",
        Aliases = ["ladder", "ladder-side-tuning"],
        Family = MethodFamily.Additive,
        PeftType = "LST",
        Paper = "Sung et al. 2022, arXiv 2206.06522",
        Sites = "layers",
        Summary =
            "A narrow network beside the model reads its layers' outputs and answers in its place: no gradient goes through the model.",
        Formula = "s₀ = D·e; sᵢ = blockᵢ(μᵢ·sᵢ₋₁ + (1 − μᵢ)·Dᵢ·hᵢ), μᵢ = σ(αᵢ/T); the head reads U·norm(s) in place of the last hᵢ; "
            + "D, α, the blocks and U are trained, blocks of width d/r",
        OptionsType = typeof(LstOptions),
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var stacks = host.Sites.Inputs.Count > 1
            ? host.Sites.Layers.GroupBy(site => site.Place.Stack).Select(stack => stack.ToList()).ToList()
            : [[.. host.Sites.Layers]];
        foreach (var index in _options.Layers?.Indices ?? [])
            if (!stacks.Exists(stack => stack.Exists(site => site.Layer == index && index >= 0)))
                throw new PeftException(
                    $"LST: \"layers\" names layer {index}; the model has layers 0 to {stacks.Max(s => s.Max(site => site.Layer))}.");
        using (no_grad())
        {
            Ladder? source = null;
            foreach (var stack in stacks) source = Climb(stack, source, isLast: stack == stacks[^1]);
        }
        TrainModules(_options.ModulesToSave);
        Tag.NeedAllTokens();
        Tag.CarryState();
    }

    private Ladder Climb(List<LayerSite> sites, Ladder? source, bool isLast)
    {
        var layers = sites.Where(site => site.Layer >= 0).OrderBy(site => site.Layer).ToList();
        var stack = layers[0].Place.Stack;
        var parts = new SideParts(this, _options, stack, source is not null);
        var root = Host.Sites.Inputs.Count > 1 ? $"side.{stack.ToString().ToLowerInvariant()}" : "side";
        var (side, width) = (parts.Width, Host.Width);
        var ladder = new Ladder(stack == LayerStack.Decoder, source, _options)
        {
            Norm = AddPart($"{root}.norm", "weight", [side], () => ones(side), decay: false),
            Up = isLast ? AddPart($"{root}.up", "weight", [width, side], () => Kaiming([width, side], $"{root}.up")) : null,
            UpBias = isLast ? AddPart($"{root}.up", "bias", [width], () => zeros(width), decay: false) : null,
        };
        foreach (var site in sites.Where(site => site.Layer < 0))
            Plug<ILayerPlugin>(site.Plugins, new LadderRung(ladder, Step($"{root}.first", null, false), false));
        foreach (var site in layers)
        {
            var isRead = _options.Layers?.Indices.Contains(site.Layer) != false;
            var (path, last) = ($"{root}.layers.{site.Layer}", isLast && site == layers[^1]);
            if (!isRead && !last) continue;
            var step = isRead ? Step(path, parts.Block(path, site.Layer), true) : null;
            Plug<ILayerPlugin>(site.Plugins, new LadderRung(ladder, step, last));
        }
        return ladder;

        LadderStep Step(string path, SideBlock? block, bool gated) => new(
            AddPart($"{path}.down", "weight", [side, width], () => Kaiming([side, width], $"{path}.down")),
            AddPart($"{path}.down", "bias", [side], () => zeros(side), decay: false),
            gated ? AddPart(path, "gate", [1], () => ones(1).Times(_options.GateAlpha), decay: false) : null, block);
    }

    /// <summary>Adds a tensor of the side network.</summary>
    internal AdapterTensor AddPart(string path, string local, long[] shape, Func<Tensor> start, bool decay = true) =>
        Add(path, local, shape, start, decay);

    /// <summary>The start of a map, drawn.</summary>
    internal Tensor Kaiming(long[] shape, string path) => Initial.KaimingUniform(shape, SeedOf(path));
}
