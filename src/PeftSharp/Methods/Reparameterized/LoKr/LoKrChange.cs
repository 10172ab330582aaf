using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoKr;

/// <summary>ΔW = scale · first ⊗ second, a Kronecker product (Yeh et al. 2024, arXiv 2309.14859).</summary>
/// <remarks>
/// ΔW is made for merging alone: with x as a matrix X [columns of first, columns of second], ΔW·x is first · X · secondᵀ.
/// </remarks>
internal sealed class LoKrChange(KroneckerFactor first, KroneckerFactor second, double scale, ChangeDropout dropout) : WeightChange
{
    public override Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var (small, large) = (first.Get(context).Times(scale), second.Get(context));
        // Plain products of matrices: libtorch chooses its way through larger ones by whether a gradient is wanted, and rounds by the way.
        // [rows · tokens · columns of first, rows of second]
        var right = mm(x.reshape(-1, large.shape[1]), large.t());
        var turned = right.view(-1, small.shape[1], large.shape[0]).transpose(1, 2).reshape(-1, small.shape[1]);
        // [rows · tokens, rows of second, rows of first]
        var both = mm(turned, small.t()).view(-1, large.shape[0], small.shape[0]);
        return dropout.Apply(both.transpose(1, 2).reshape([.. x.shape[..^1], small.shape[0] * large.shape[0]]), context);
    }

    protected override Tensor Change(WeightStore weight, ForwardContext context) =>
        kron(first.Get(context).Times(scale), second.Get(context));
}
