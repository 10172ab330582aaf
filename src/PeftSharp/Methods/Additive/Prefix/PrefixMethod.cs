using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Prefix tuning: trained keys and values before those of every layer.</summary>
internal sealed class PrefixMethod(string name, PrefixOptions options) : PeftMethod(name)
{
    private PrefixOptions _options = options;
    private PrefixEncoder? _encoder;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "prefix",
        Aliases = ["prefix_tuning", "prefix-tuning"],
        Family = MethodFamily.Additive,
        PeftType = "PREFIX_TUNING",
        Paper = "Li and Liang 2021, arXiv 2101.00190; deep prompts (P-tuning v2): Liu et al. 2021, arXiv 2110.07602",
        Sites = "attentions",
        Summary = "Trained keys and values before those of every layer, flat or made by a small network.",
        Formula = "attention(q, [Pk; K], [Pv; V]) in every layer, Pk and Pv trained; with a projection, made as W2·tanh(W1·E + b1) + b2",
        OptionsType = typeof(PrefixOptions),
        Layouts = [new PrefixPeft(), new PrefixAdapterHub()],
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["prefix_tuning_flat"] = () => new PrefixOptions { HubStyle = true, VirtualTokens = 30 },
            ["p-tuning-v2"] = () => new PrefixOptions(),
            ["prefix-projection"] = () => new PrefixOptions { Projection = true },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        // Of two stacks the decoder has the prefix, as in peft.
        var stacks = host.Sites.Attentions.Select(a => a.Place.Stack).Distinct().Count();
        bool HasPrefix(AttentionSite a) => a.Kind == AttentionKind.Self && (stacks == 1 || a.Place.Stack == LayerStack.Decoder);
        var sites = host.Sites.Attentions.Where(a => HasPrefix(a) && !_options.LeaveOut.Contains(a.Layer)).ToList();
        if (sites.Count == 0) throw new PeftException("PREFIX_TUNING: no layer is left for a prefix; shorten \"leave_out\".");
        var first = sites[0];
        var width = first.PrefixHeads * first.HeadDim;
        _options = _options with
        {
            TokenDim = width,
            LayerCount = sites.Count,
            HeadCount = first.PrefixHeads,
            Submodules = stacks,
            ModulesToSave = ModulesWithHead(_options.ModulesToSave),
        };
        if (!_options.HubStyle) _options = _options with { EncoderHidden = _options.EncoderHidden ?? host.Width };
        _encoder = Encoder(host, sites.Count, width);
        for (var i = 0; i < sites.Count; i++)
        {
            var gate = Gate(sites[i], host.Width);
            var shift = _options.HubStyle ? 0 : _options.VirtualTokens;
            Plug(sites[i].Plugins, new PrefixAttention(_encoder, Pair(i, sites.Count, stacks), _options.VirtualTokens, shift, gate));
        }
        TrainModules(_options.ModulesToSave);
        if (_options.UseGating) Tag.NeedAllTokens(_options.GateOverPadding);
    }

    // Which pair of keys and values a layer has. peft lays the table of an encoder–decoder out for self- and cross-attention in turn, twice
    // over, and then leaves the prefix of cross-attention out: layer i has pair 2i of the repeated table.
    private static int Pair(int layer, int layers, int stacks) => stacks == 1 ? layer : 2 * layer % layers;

    private PrefixEncoder Encoder(MethodHost host, int layers, int width)
    {
        var (tokens, all) = (_options.VirtualTokens, 2L * layers * width);
        var embedding = _options.HubStyle ? (_options.Projection ? "wte.weight" : "control_trans") : "embedding.weight";
        if (!_options.Projection)
        {
            Tensor Start() => _options.InitWeights == "zero" ? zeros(tokens, all) : Initial.Normal([tokens, all], 1, SeedOf("prefix"));
            long[] shape = _options.HubStyle ? [tokens * all] : [tokens, all];
            return new(Add("", embedding, shape, () => Start().view(shape)), null, _options.Dropout, tokens);
        }
        var (inputs, hidden) = (_options.HubStyle ? host.Width : width, _options.EncoderHidden ?? 512);
        // peft keeps what the network yields, not the network.
        var saved = _options.HubStyle;
        var table = Add("", embedding, [tokens, inputs], () => Initial.Normal([tokens, inputs], 1, SeedOf("prefix")), saved: saved);
        var layer = _options.HubStyle ? "control_trans" : "transform";
        AdapterTensor Bias(int index, long size, long fanIn) =>
            Add(
                "", $"{layer}.{index}.bias", [size], () => Initial.Uniform([size], 1 / Math.Sqrt(fanIn), SeedOf($"bias.{index}")),
                decay: false, saved);
        AdapterTensor Weight(int index, long output, long input) =>
            Add(
                "", $"{layer}.{index}.weight", [output, input], () => Initial.KaimingUniform([output, input], SeedOf($"weight.{index}")),
                saved: saved);
        var network = new PrefixNetwork(
            Weight(0, hidden, inputs), Bias(0, hidden, inputs), Weight(2, all, hidden), Bias(2, all, hidden),
            _options.NonLinearity);
        return new(table, network, _options.Dropout, tokens);
    }

    private Gate? Gate(AttentionSite site, int width)
    {
        if (!_options.UseGating) return null;
        var gates = _options.SharedGating ? 1 : 2;
        return new(
            Add(site.Path, "gate.weight", Initial.Normal([gates, width], 0.02, SeedOf($"{site.Path}.gate"))),
            Add(site.Path, "gate.bias", Initial.Uniform([gates], 1 / Math.Sqrt(width), SeedOf($"{site.Path}.gate.bias")), decay: false),
            _options.GateOverPadding);
    }

    // What the encoder yields where this adapter alone acts; the call lets go of what it kept.
    internal Tensor Yield()
    {
        var context = new ForwardContext { Selection = AdapterSelection.Of(Tag) };
        try
        {
            return _encoder!.Output(context).clone();
        }
        finally
        {
            context.Release();
        }
    }

    // What a file held stands in for the encoder until it trains, or until its own tensors are read.
    internal void Fix(Tensor yielded)
    {
        var kept = yielded.to(Host.Precision).clone().DetachFromDisposeScope();
        OnDetach(kept.Dispose);
        _encoder!.Fixed = kept;
    }

    /// <inheritdoc/>
    public override bool EncoderIsKnown => _encoder?.Fixed is null;

    /// <inheritdoc/>
    public override void BeforeStep(StepState step) => EncoderRestored(); // from here on the trained tensors count

    /// <inheritdoc/>
    public override void EncoderRestored()
    {
        if (_encoder is not null) _encoder.Fixed = null;
    }
}
