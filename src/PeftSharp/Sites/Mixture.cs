using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The weighted sum that an average stands for.</summary>
internal static class Mixture
{
    /// <summary>Σ weight · value over the children.</summary>
    public static Tensor Of(AdapterComposition.Average average, Func<AdapterComposition, Tensor> value) =>
        Of([.. average.Children.Select((child, i) => (value(child), average.Weights[i]))]);

    /// <summary>Σ weight · value.</summary>
    public static Tensor Of(IReadOnlyList<(Tensor Value, double Weight)> parts)
    {
        var sum = parts[0].Value.Times(parts[0].Weight);
        foreach (var (value, weight) in parts.Skip(1)) sum = sum.Plus(value, weight);
        return sum;
    }
}
