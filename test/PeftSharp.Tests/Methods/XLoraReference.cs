using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>
/// X-LoRA as its definition says it, beside a model without it: the classifier in plain numbers, on the states of a call of its own, and a
/// plug-in that adds the experts with the weights that came out.
/// </summary>
internal sealed class XLoraReference(Bench plain, PeftMethod adapter, XLoraOptions options, int experts)
{
    private readonly AdapterTag _tag = new("reference");

    /// <summary>The logits of the batch.</summary>
    public Tensor Logits()
    {
        string[] paths =
            [.. plain.Sites.Projections.Select(p => p.Path).Where(path => adapter.Tensors.Any(t => t.Path == path && IsFactor(t)))];
        var plugs = paths.Select((path, map) => (Site: plain.Sites.Projections.Single(p => p.Path == path), Map: map)).ToList();
        using var constant = Filled(paths.Length, options.FirstWeight * options.GlobalWeight);
        using var states = Run(plugs, constant).Hidden!.to(ScalarType.Float64).contiguous();
        return Run(plugs, Weights(states, paths.Length)).Logits;
    }

    private static bool IsFactor(AdapterTensor tensor) => tensor.Local is "lora_A.weight";

    private Tensor Filled(int maps, double value) =>
        full([plain.Batch.Rows, plain.Batch.Tokens, maps, experts], value, ScalarType.Float64);

    // Weights: [rows, tokens, maps, experts].
    private PeftSharp.Models.ModelOutput Run(List<(ProjectionSite Site, int Map)> plugs, Tensor weights)
    {
        using var guard = no_grad();
        Added PlugIn(ProjectionSite site, int map) =>
            new(adapter, plain.Batch.AttentionMask, site, weights.narrow(2, map, 1).squeeze(2));
        var undo = plugs.Select(plug => plug.Site.Plugins.Add(_tag, PlugIn(plug.Site, plug.Map))).ToList();
        try
        {
            return plain.Peft.Model.Forward(plain.Batch, new ForwardContext { Selection = AdapterSelection.Of(_tag), AllTokens = true });
        }
        finally
        {
            undo.ForEach(action => action());
        }
    }

    private double[][] Matrix(string local)
    {
        var value = adapter.Tensors.Single(t => t.Local == local).Value.detach().to(ScalarType.Float64).contiguous();
        var (numbers, width) = (value.data<double>().ToArray(), value.dim() == 2 ? (int)value.shape[1] : 1);
        return [.. numbers.Chunk(width)];
    }

    // Token by token, with no tensor in it.
    private Tensor Weights(Tensor states, int maps)
    {
        var (width, all) = ((int)states.shape[2], states.data<double>().ToArray());
        var stride = options.Dropout > 0 ? 3 : 2;
        var layers = Enumerable.Range(0, options.Depth).Select(i => $"internal_xlora_classifier.layers.{i * stride}")
            .Select(name => (Weight: Matrix($"{name}.weight"), Bias: Matrix($"{name}.bias")))
            .ToList();
        var result = new List<double>();
        foreach (var state in all.Chunk(width))
        {
            var x = state;
            for (var i = 0; i < layers.Count; i++)
            {
                var input = i == 0 ? x : [.. x.Select(value => Math.Max(value, 0))];
                var (weight, bias) = layers[i];
                x = [.. weight.Select((row, o) => row.Zip(input, (w, v) => w * v).Sum() + bias[o][0])];
            }
            for (var map = 0; map < maps; map++)
                result.AddRange(Chosen(options.PerMap ? x[(map * experts)..((map + 1) * experts)] : x));
        }
        return tensor(result.ToArray(), [states.shape[0], states.shape[1], maps, experts]);
    }

    private double[] Chosen(double[] outputs)
    {
        var shares = options.Softmax ? Softmax([.. outputs.Select(o => o / options.Temperature)]) : outputs;
        if (options.Active is { } active)
        {
            int[] kept = [.. Enumerable.Range(0, experts).OrderByDescending(e => shares[e]).Take(active)];
            var of = options.SoftmaxOfActive ? Softmax([.. kept.Select(e => shares[e])]) : [.. kept.Select(e => shares[e])];
            var all = new double[experts];
            for (var i = 0; i < kept.Length; i++) all[kept[i]] = of[i];
            shares = all;
        }
        return [.. shares.Select(share => share * options.GlobalWeight)];
    }

    private static double[] Softmax(double[] x)
    {
        double[] powers = [.. x.Select(value => Math.Exp(value - x.Max()))];
        return [.. powers.Select(power => power / powers.Sum())];
    }

    // mask: [rows, tokens]; shares: [rows, tokens, experts].
    private sealed class Added(PeftMethod adapter, Tensor mask, ProjectionSite site, Tensor shares) : IProjectionDelta
    {
        public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
        {
            var counted = shares;
            if (site.Role == ProjectionRole.Pooler)
            {
                var real = mask.to(ScalarType.Float64).unsqueeze(-1);
                counted = (shares * real).sum(1, keepdim: true) / real.sum(1, keepdim: true);
            }
            var sum = zeros_like(wx);
            for (var expert = 0; expert < shares.shape[2]; expert++)
            {
                Tensor Factor(string local) =>
                    adapter.Tensors.Where(t => t.Path == site.Path && t.Local == local).ElementAt(expert).Value.detach();
                var added = x.matmul(Factor("lora_A.weight").t()).matmul(Factor("lora_B.weight").t());
                var share = counted.narrow(2, expert, 1);
                sum = sum.Plus(added * (x.dim() == 2 ? share.squeeze(1) : share), 2);        // alpha / r = 8 / 4
            }
            return sum;
        }
    }
}
