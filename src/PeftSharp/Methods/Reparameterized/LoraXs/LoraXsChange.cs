using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoraXs;

/// <summary>
/// ΔW = scale · U·R·V: U and V are the weight's own largest singular directions and stay, R is trained (Bałazy et al. 2024, arXiv
/// 2405.17604).
/// </summary>
/// <param name="left">U, its columns times their singular values, [out, rank].</param>
/// <param name="trained">R, [rank, rank].</param>
/// <param name="right">V, [rank, in].</param>
/// <param name="scale">The scale.</param>
/// <param name="dropout">Dropout of the input.</param>
internal sealed class LoraXsChange(AdapterTensor left, AdapterTensor trained, AdapterTensor right, double scale, double dropout)
    : LowRankChange(dropout, trained.Name)
{
    protected override (Tensor Left, Tensor Right, double Scale) Factors(ForwardContext context) =>
        (matmul(left.Get(context), trained.Get(context)), right.Get(context), scale);
}
