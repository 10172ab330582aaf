using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>
/// ΔW = alpha / divisor · B · diag(E) · A, in the form of a singular value decomposition (Zhang et al. 2023, arXiv 2303.10512):
/// A [rank, in], B [out, rank], E [rank, 1], divisor [1].
/// </summary>
internal sealed class AdaLoraDelta(AdapterTensor a, AdapterTensor b, AdapterTensor e, AdapterTensor divisor, double alpha, double dropout)
    : IProjectionDelta, IMergeableProjection, ILowRankMap
{
    // peft adds it to the rank that it divides by.
    private const double Offset = 1e-5;

    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context) => (b.Get(context), Scaled(context), 1);

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var low = Dropout.Linear(x, Scaled(context), dropout, a.Name, context);      // [rows, tokens, rank]
        return nn.functional.linear(low, b.Get(context));               // [rows, tokens, out]
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight.Plus(matmul(b.Get(context), Scaled(context)));

    private Tensor Scaled(ForwardContext context) =>
        a.Get(context) * (e.Get(context) / divisor.Get(context).Plus(Offset)).Times(alpha);
}
