using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>
/// A map's weight as a sum of Kronecker products: Σ rule_i ⊗ weight_i (Mahabadi et al. 2021, arXiv 2106.04647), turned to [out, in].
/// </summary>
/// <param name="name">The map's name.</param>
/// <param name="rule">The small factors, [n, n, n].</param>
/// <param name="weight">The large factors, [n, in / n, out / n].</param>
internal sealed class PhmWeight(string name, ITensorSource rule, ITensorSource weight) : ITensorSource
{
    public string Name => name;

    public Tensor Get(ForwardContext context)
    {
        var (small, large) = (rule.Get(context), weight.Get(context));
        var (terms, input, output) = (small.shape[0], large.shape[1], large.shape[2]);
        // Entry (p·in/n + a, q·out/n + b) is Σ rule[i, p, q]·weight[i, a, b].
        var sum = matmul(small.reshape(terms, terms * terms).t(), large.reshape(terms, input * output));
        return sum.view(terms, terms, input, output).permute(0, 2, 1, 3).reshape(terms * input, terms * output).t();
    }
}
