using System.Globalization;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.XLora;

/// <summary>Weighs the experts for each token by the state that a first pass gave it: linear maps with relu between them.</summary>
/// <param name="options">The settings.</param>
/// <param name="experts">How many there are.</param>
internal sealed class XLoraClassifier(XLoraOptions options, int experts)
{
    /// <summary>What the names of its tensors begin with.</summary>
    public const string Prefix = "internal_xlora_classifier.";

    private readonly List<AdapterTensor> _tensors = [];
    private readonly HashSet<string> _adapted = [];
    private readonly object _source = new(), _answering = new(), _mean = new();
    private Dictionary<string, int> _maps = [];

    /// <summary>The weight of every expert in the first pass, the common factor with it.</summary>
    public double FirstWeight => options.FirstWeight * options.GlobalWeight;

    /// <summary>Says that experts act at a map.</summary>
    public void Adapts(string path) => _adapted.Add(path);

    /// <summary>Counts the maps that experts act at, in the order of the model.</summary>
    public void Place(IEnumerable<string> maps) =>
        _maps = maps.Where(_adapted.Contains).Distinct().Select((path, i) => (path, i)).ToDictionary(map => map.path, map => map.i);

    /// <summary>Which of the weights are a map's.</summary>
    public int IndexOf(string map) => options.PerMap ? _maps[map] : 0;

    /// <summary>The expert, and the map where each has weights of its own, of one of the numbers that a gate's listener hears.</summary>
    public (int Expert, string? Map) Heard(int index) =>
        (index % experts, options.PerMap ? _maps.First(map => map.Value == index / experts).Key : null);

    // Modules of torch between two linear maps count as well: relu, and dropout where there is any.
    private int Stride => options.Dropout > 0 ? 3 : 2;

    private static string Local(int index, string part) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}layers.{index}.{part}");

    /// <summary>Its tensors under peft's names, in order: weight [out, in] and bias [out] of each linear map.</summary>
    /// <param name="width">Width of the model's states.</param>
    public IEnumerable<(string Local, long[] Shape)> Shapes(long width)
    {
        for (var i = 0; i < options.Depth; i++)
        {
            long input = i == 0 ? width : options.Size;
            long output = i < options.Depth - 1 ? options.Size : experts * (options.PerMap ? _maps.Count : 1);
            yield return (Local(i * Stride, "weight"), [output, input]);
            yield return (Local(i * Stride, "bias"), [output]);
        }
    }

    /// <summary>Width of the input of the linear map that a tensor belongs to.</summary>
    public long InputOf(string local, long width) => local.StartsWith(Local(0, ""), StringComparison.Ordinal) ? width : options.Size;

    /// <summary>Takes its next tensor, in the order of <see cref="Shapes"/>.</summary>
    public void Take(AdapterTensor tensor) => _tensors.Add(tensor);

    /// <summary>The weights of a call, [rows, tokens or 1, maps or 1, experts], of all its rows; computed once.</summary>
    /// <remarks>
    /// A layer that is computed again for its gradient computes them again too: from states without a graph to leaves, so that each such
    /// layer adds its part of the classifier's gradient.
    /// </remarks>
    /// <param name="scouted">What the first pass found.</param>
    /// <param name="readsSource">True for the tokens of the first of two stacks.</param>
    /// <param name="ofRows">True for the mean over a row's tokens, [rows, 1, …].</param>
    /// <param name="context">The call.</param>
    public Tensor Weights(ScoutedStates scouted, bool readsSource, bool ofRows, ForwardContext context)
    {
        if (ofRows) return context.Once(_mean, () => Mean(Weights(scouted, readsSource: true, false, context), scouted.Padding));
        return readsSource && !ReferenceEquals(scouted.Source, scouted.Answering)
            ? context.Once(_source, () => Of(scouted.Source, context))
            : context.Once(_answering, () =>
            {
                var weights = Of(scouted.Answering, context);
                if (context.GateListener is { } listener) Tell(listener, weights, scouted);
                return weights;
            });
    }

    // The mean over a row's tokens, as of other gates.
    private void Tell(IGateListener listener, Tensor weights, ScoutedStates scouted)
    {
        using var scope = NewDisposeScope();
        var mean = Mean(weights, ReferenceEquals(scouted.Source, scouted.Answering) ? scouted.Padding : null);
        if (scouted.Rows is { } rows) mean = mean.index_select(0, rows);
        listener.Hear(_tensors[^2].Name, mean.flatten(2));                          // [rows, 1, maps · experts]
    }

    private static Tensor Mean(Tensor weights, Tensor? padding)
    {
        if (padding is null) return weights.mean([1], keepdim: true);
        using var scope = NewDisposeScope();
        var real = padding.to(weights.dtype).unsqueeze(-1).unsqueeze(-1);           // [rows, tokens, 1, 1]
        return ((weights * real).sum(1, keepdim: true) / real.sum(1, keepdim: true).AtLeast(1.0)).MoveToOuterDisposeScope();
    }

    /// <summary>The weights that states ask for, [rows, tokens, hidden] → [rows, tokens, maps or 1, experts].</summary>
    internal Tensor Of(Tensor states, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var x = states;
        for (var i = 0; i < _tensors.Count; i += 2)
        {
            if (i > 0) x = Dropout.Apply(nn.functional.relu(x), options.Dropout, _tensors[i - 2].Name, context);
            x = nn.functional.linear(x, _tensors[i].Get(context), _tensors[i + 1].Get(context));
        }
        var weights = x.reshape(x.shape[0], x.shape[1], -1, experts);
        if (options.Softmax) weights = weights.Times(1 / options.Temperature).softmax(-1);
        if (options.Active is { } active) weights = OfLargest(weights, active);
        return weights.Times(options.GlobalWeight).MoveToOuterDisposeScope();
    }

    // The largest keep their weights, or share one anew; the others have none.
    private Tensor OfLargest(Tensor weights, int active)
    {
        var (largest, places) = weights.topk(active);
        return zeros_like(weights).scatter(-1, places, options.SoftmaxOfActive ? largest.softmax(-1) : largest);
    }
}
