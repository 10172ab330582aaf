using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Miss;

/// <summary>
/// ΔW = Dᵀ · [I I I …]: the input's numbers r apart are summed, and a block maps the sums (Kang and Yin 2024, arXiv 2409.15371).
/// </summary>
/// <param name="block">D, [rank, out], or [rank, fewer] to be repeated.</param>
/// <param name="inFeatures">Width of the input; the last group may be cut off.</param>
/// <param name="outFeatures">Width of the output.</param>
/// <param name="dropout">Dropout of the input.</param>
internal sealed class MissChange(
    AdapterTensor block, long inFeatures, long outFeatures, double dropout) : LowRankChange(dropout, block.Name)
{
    private readonly double _dropout = dropout;

    public override Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var all = Block(context);
        var rank = all.shape[0];
        var dropped = Dropout.Apply(x, _dropout, block.Name, context);
        var missing = (rank - inFeatures % rank) % rank;
        if (missing > 0) dropped = cat([dropped, zeros([.. x.shape[..^1], missing], dropped.dtype, dropped.device)], -1);
        var sums = dropped.reshape([.. x.shape[..^1], -1, rank]).sum(-2);                   // [rows, tokens, rank]
        return nn.functional.linear(sums, all.t());
    }

    protected override (Tensor Left, Tensor Right, double Scale) Factors(ForwardContext context)
    {
        var all = Block(context);
        var rank = all.shape[0];
        var groups = eye(rank, dtype: all.dtype, device: all.device).repeat(1, (inFeatures + rank - 1) / rank);
        return (all.t(), groups.narrow(1, 0, inFeatures), 1);
    }

    private Tensor Block(ForwardContext context)
    {
        var own = block.Get(context);
        return own.shape[1] == outFeatures ? own : own.repeat(1, outFeatures / own.shape[1]);
    }
}
