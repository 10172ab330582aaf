using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>Trained rows of an embedding table: the tokens listed are looked up in the trained rows instead.</summary>
/// <param name="rows">The trained rows, [listed, dim].</param>
/// <param name="position">For each token of the vocabulary, its place among the rows; -1 for tokens that are not listed.</param>
/// <param name="indices">The listed token ids.</param>
internal sealed class TrainableRows(AdapterTensor rows, Tensor position, Tensor indices) : IMergeableEmbedding
{
    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context)
    {
        var place = position.index_select(0, ids.flatten()).view_as(ids);        // [rows, tokens]
        var listed = place.NotBelow(0).unsqueeze(-1);
        return where(listed, EmbeddingSite.Lookup(rows.Get(context), place.AtLeast(0L)), vectors);
    }

    public Tensor MergedTable(Tensor table, ForwardContext context) => table.index_copy(0, indices, rows.Get(context));

    /// <summary>The map from token id to place, int64 [vocabulary].</summary>
    public static Tensor Positions(long vocabulary, IReadOnlyList<long> indices, Device device)
    {
        var map = Enumerable.Repeat(-1L, checked((int)vocabulary)).ToArray();
        for (var i = 0; i < indices.Count; i++) map[indices[i]] = i;
        return tensor(map, ScalarType.Int64, device: device);
    }
}
