using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial;

/// <summary>
/// The gradient of an embedding table by the rows that a call looks up, which are few: as a tensor of the table's shape it would be mostly
/// zeros.
/// </summary>
internal sealed class LookedUpRows : IEmbeddingPlugin, IDisposable
{
    private readonly List<Tensor> _asked = [];
    private readonly List<(Tensor Ids, Tensor Gradient)> _seen = [];

    /// <inheritdoc/>
    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context)
    {
        var rows = ids.flatten().clone().DetachFromDisposeScope();
        _asked.Add(rows);
        var width = vectors.shape[^1];
        return GradientTap.Of(vectors, gradient => _seen.Add((rows, gradient.reshape(-1, width).clone().DetachFromDisposeScope())));
    }

    /// <summary>
    /// Gives the rows that the last backward pass reached, each once and in ascending order, int64 [rows], with the gradients summed over
    /// all places that looked them up, [rows, dim]; then forgets them. Nothing where there are none.
    /// </summary>
    public void Take(Action<Tensor, Tensor> read)
    {
        if (_seen.Count > 0)
        {
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            var (rows, place, _) = cat([.. _seen.Select(s => s.Ids)]).unique(sorted: true, return_inverse: true);
            var gradients = cat([.. _seen.Select(s => s.Gradient)]);
            read(rows, zeros([rows.shape[0], gradients.shape[1]], gradients.dtype, gradients.device).PlusAt(place!, gradients));
        }
        Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _asked.ForEach(ids => ids.Dispose());
        _seen.ForEach(s => s.Gradient.Dispose());
        _asked.Clear();
        _seen.Clear();
    }
}
