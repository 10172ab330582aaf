using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>Low-rank update of an embedding table: row i gains scale · B·A[:, i].</summary>
internal sealed class LoraEmbedding(AdapterTensor a, AdapterTensor b, double scale) : IMergeableEmbedding
{
    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context) =>
        vectors + nn.functional.linear(EmbeddingSite.Lookup(a.Get(context).t(), ids) * scale, b.Get(context));

    public Tensor MergedTable(Tensor table) => table + matmul(b.Value, a.Value).t() * scale;
}
