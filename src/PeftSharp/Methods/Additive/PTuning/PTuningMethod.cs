using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>P-tuning: vectors before the sequence that a small network makes from an embedding.</summary>
/// <remarks>Files keep what the network yields; the network itself is saved beside it, so that training can go on.</remarks>
internal sealed class PTuningMethod(string name, PTuningOptions options) : PeftMethod(name)
{
    private PTuningOptions _options = options;
    private PromptEncoder? _encoder;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "p-tuning",
        Aliases = ["p_tuning", "ptuning"],
        Family = MethodFamily.Additive,
        PeftType = "P_TUNING",
        Paper = "Liu et al. 2021, arXiv 2103.10385",
        Sites = "input",
        Summary = "Vectors before the sequence, made by a small trained network.",
        Formula = "the model reads [f(E); E(tokens)]; MLP: f(E) = W3·relu(W2·relu(W1·E + b1) + b2) + b3; LSTM: f(E) = "
            + "W2·relu(W1·lstm(E) + b1) + b2; E and f trained",
        OptionsType = typeof(PTuningOptions),
        Layouts = [new PTuningPeft()],
        Presets = new Dictionary<string, Func<MethodOptions>> { ["p-tuning-lstm"] = () => new PTuningOptions { Encoder = "LSTM" } },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        var inputs = host.Sites.Inputs;
        var attention = host.Sites.Attentions[0];
        // Where embeddings are narrower than the layers, what stands among words is as wide as they are.
        var width = (int)host.Sites.Embeddings[0].Dim;
        _options = _options with
        {
            TokenDim = width,
            LayerCount = host.Sites.Attentions.Count(a => a.Kind == attention.Kind && a.Place.Stack == attention.Place.Stack),
            HeadCount = attention.Heads,
            Submodules = inputs.Count,
            EncoderHidden = _options.EncoderHidden ?? host.Width,
            ModulesToSave = ModulesWithHead(_options.ModulesToSave),
        };
        // peft makes, counts and saves vectors for a decoder as well, and then lets it read none.
        var (vectors, hidden) = (_options.VirtualTokens * inputs.Count, _options.EncoderHidden.Value);
        var embedding = Add("", "embedding.weight", [vectors, width], () =>
            Initial.Normal([vectors, width], 1, SeedOf("embedding")), saved: false);
        IPromptNetwork network = _options.Encoder == "LSTM"
            ? new LstmNetwork(Lstm(width, hidden), _options.EncoderDropout, Maps([2 * hidden, 2 * hidden, width]))
            : new MlpNetwork(Maps([width, hidden, hidden, width]));
        _encoder = new(embedding, network, _options.VirtualTokens);
        Plug(inputs[0].Plugins, _encoder);
        TrainModules(_options.ModulesToSave);
    }

    private IReadOnlyList<LinearMap> Maps(int[] widths) =>
        [.. Enumerable.Range(0, widths.Length - 1).Select(i => Map(2 * i, widths[i], widths[i + 1]))];

    private LinearMap Map(int index, int input, int output) =>
        new(Matrix($"mlp_head.{index}.weight", output, input, input), Vector($"mlp_head.{index}.bias", output, input));

    private IReadOnlyList<LstmLayer> Lstm(int width, int hidden) => [.. Enumerable.Range(0, _options.EncoderLayers)
        .Select(
            i =>
                new LstmLayer(
                    Direction($"_l{i}", i == 0 ? width : 2 * hidden, hidden),
                    Direction($"_l{i}_reverse", i == 0 ? width : 2 * hidden, hidden)))];

    // PyTorch draws every tensor of an LSTM from U(-1/√hidden, 1/√hidden).
    private LstmDirection Direction(string end, int input, int hidden) => new(
        new(Matrix($"lstm_head.weight_ih{end}", 4 * hidden, input, hidden), Vector($"lstm_head.bias_ih{end}", 4 * hidden, hidden)),
        new(Matrix($"lstm_head.weight_hh{end}", 4 * hidden, hidden, hidden), Vector($"lstm_head.bias_hh{end}", 4 * hidden, hidden)));

    private AdapterTensor Matrix(string local, int rows, int columns, int spread) =>
        Add("", local, [rows, columns], () => Initial.Uniform([rows, columns], 1 / Math.Sqrt(spread), SeedOf(local)), saved: false);

    private AdapterTensor Vector(string local, int size, int spread) =>
        Add("", local, [size], () => Initial.Uniform([size], 1 / Math.Sqrt(spread), SeedOf(local)), decay: false, saved: false);

    // What the network yields where this adapter alone acts.
    internal Tensor Yield() => _encoder!.Yield(Tag);

    // What a file held stands in for the network until it trains, or until its own tensors are read.
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
