using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>Low-rank update of an embedding table: row i gains scale · B·A[:, i].</summary>
internal sealed class LoraEmbedding(AdapterTensor a, AdapterTensor b, double scale) : IMergeableEmbedding, ILowRankMap
{
    public (Tensor Left, Tensor Right, double Scale)? Factors => (a.Value.t(), b.Value.t(), scale);

    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context) =>
        vectors + nn.functional.linear(EmbeddingSite.Lookup(a.Get(context).t(), ids) * scale, b.Get(context));

    public Tensor MergedTable(Tensor table) => table + matmul(b.Value, a.Value).t() * scale;
}
