using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>Low-rank update of an embedding table: row i gains scale · B·A[:, i].</summary>
internal sealed class LoraEmbedding(AdapterTensor a, AdapterTensor b, double scale) : IMergeableEmbedding, ILowRankMap
{
    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context) => (a.Get(context).t(), b.Get(context).t(), scale);

    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context) =>
        vectors.Plus(nn.functional.linear(EmbeddingSite.Lookup(a.Get(context).t(), ids).Times(scale), b.Get(context)));

    public Tensor MergedTable(Tensor table, ForwardContext context) =>
        table.Plus(matmul(b.Get(context), a.Get(context)).t().Times(scale));
}
