using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Miss;

/// <summary>
/// ΔW, cut into blocks [rank, rank], is W·D + D, D shared by the blocks of the same rows: the variant of MiSS that was called BAT (Kang and
/// Yin 2024, arXiv 2409.15371).
/// </summary>
/// <param name="block">D, [out / rank, rank, rank].</param>
internal sealed class BatChange(AdapterTensor block) : WeightChange
{
    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var own = block.Get(context);
        var (rank, dense) = (own.shape[^1], weight.Dense().to(own.dtype));
        var blocks = dense.reshape(own.shape[0], rank, -1, rank).permute(2, 0, 1, 3);       // [in / rank, out / rank, rank, rank]
        return matmul(blocks, own).Plus(own).permute(1, 2, 0, 3).reshape(dense.shape);
    }
}
