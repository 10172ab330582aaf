using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.Fusion;

/// <summary>Collects how much each fused adapter counts, over the tokens that calls see: what pruning goes by.</summary>
/// <remarks>It listens to the calls of the context that it is given to; several threads may share it.</remarks>
public sealed class FusionWeights : IFusionListener
{
    private readonly Dictionary<string, double[]> _sums = [];
    private readonly Dictionary<string, long> _tokens = [];
    private readonly Lock _gate = new();

    /// <summary>The mean weight of each adapter in the fusion's order, by residual branch.</summary>
    public IReadOnlyDictionary<string, double[]> ByBranch
    {
        get
        {
            lock (_gate) return _sums.ToDictionary(pair => pair.Key, pair => pair.Value.Select(sum => sum / _tokens[pair.Key]).ToArray());
        }
    }

    /// <summary>The mean weight of each adapter over all branches; they add up to 1.</summary>
    /// <exception cref="PeftException">No call with a fusion was seen.</exception>
    public IReadOnlyList<double> Mean
    {
        get
        {
            var each = ByBranch.Values.ToList();
            if (each.Count == 0) throw new PeftException("No call with a fusion was seen; forward rows with this in the context first.");
            return [.. Enumerable.Range(0, each[0].Length).Select(i => each.Average(branch => branch[i]))];
        }
    }

    /// <inheritdoc/>
    public void Hear(string path, Tensor weights, Tensor? padding)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var each = weights.squeeze(2).to(ScalarType.Float64);
        var tokens = each.shape[0] * each.shape[1];
        if (padding is not null && padding.shape[1] == each.shape[1])
        {
            each = each * padding.unsqueeze(-1);
            tokens = padding.sum().item<long>();
        }
        var sums = each.sum([0, 1]).cpu().data<double>().ToArray();
        lock (_gate)
        {
            _tokens[path] = _tokens.GetValueOrDefault(path) + tokens;
            _sums[path] = _sums.TryGetValue(path, out var before) ? [.. before.Zip(sums, (a, b) => a + b)] : sums;
        }
    }
}
