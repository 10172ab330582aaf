using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.MoeLora;

/// <summary>
/// Adds scale · Σₑ gₑ(x)·Bₑ·Aₑ·x, g = softmax(R·x): for each token its own mixture of experts (Dou et al. 2023, arXiv 2312.09979). All of
/// them are one LoRA, the ranks of which are weighed by the gates.
/// </summary>
/// <param name="a">The experts' A below each other, [experts · rank, in].</param>
/// <param name="b">The experts' B beside each other, [out, experts · rank].</param>
/// <param name="router">R, [experts, in].</param>
/// <param name="options">The settings.</param>
internal sealed class MoeLoraDelta(AdapterTensor a, AdapterTensor b, AdapterTensor router, MoeLoraOptions options) : IProjectionDelta
{
    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var gates = Gates(nn.functional.linear(x, router.Get(context)));                    // [rows, tokens, experts]
        var low = Dropout.Linear(x, a.Get(context), options.Dropout, a.Name, context);      // [rows, tokens, experts · rank]
        var weighed = low * gates.repeat_interleave(options.Rank, -1);
        return nn.functional.linear(weighed.Times(options.Alpha / options.Rank), b.Get(context));
    }

    private Tensor Gates(Tensor scores)
    {
        if (options.Active is not { } active || active == options.Experts) return scores.softmax(-1);
        var (best, index) = scores.topk(active);
        return zeros_like(scores).scatter(-1, index, best.softmax(-1));
    }
}
