using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.VbLora;

/// <summary>
/// ΔW = B·A, both put together of pieces that are mixtures of few vectors of a bank that all maps share (Li et al. 2024, arXiv 2405.15179).
/// </summary>
/// <param name="bank">The vectors, [vectors, length].</param>
/// <param name="scoresA">Scores of the vectors for each piece of A, [rank, in / length, vectors].</param>
/// <param name="scoresB">And of B, [out / length, rank, vectors].</param>
/// <param name="mixed">How many of them count.</param>
/// <param name="dropout">Dropout of the input.</param>
internal sealed class VbLoraChange(AdapterTensor bank, AdapterTensor scoresA, AdapterTensor scoresB, int mixed, double dropout)
    : LowRankChange(dropout, scoresA.Name)
{
    protected override (Tensor Left, Tensor Right, double Scale) Factors(ForwardContext context)
    {
        var vectors = bank.Get(context);
        var a = Pieces(scoresA.Get(context), vectors).flatten(1);                           // [rank, in]
        var b = Pieces(scoresB.Get(context), vectors).transpose(1, 2).flatten(0, 1);        // [out, rank]
        return (b, a, 1);
    }

    // The piece at each place, [.., length].
    private Tensor Pieces(Tensor scores, Tensor vectors)
    {
        var (best, index) = scores.topk(mixed);
        var chosen = vectors.index_select(0, index.reshape(-1)).view([.. index.shape, vectors.shape[1]]);
        return (best.softmax(-1).unsqueeze(-1) * chosen).sum(-2);
    }
}
