using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>
/// R with orthonormal rows, as PyTorch's orthogonal parametrization has it: a product of r reflections, turned by a fixed orthogonal frame.
/// </summary>
/// <param name="original">Below its diagonal, transposed, stand the reflections' vectors; its diagonal holds signs. [r, width].</param>
/// <param name="frame">The frame, [width, width].</param>
internal sealed class OrthogonalProjection(AdapterTensor original, AdapterTensor frame) : IReftProjection
{
    public Tensor Rows(ForwardContext context)
    {
        var x = original.Get(context).t();                                                           // [width, r]
        var unit = eye(x.shape[0], x.shape[1], x.dtype, x.device);
        var vectors = x.tril(-1);
        var twice = vectors.Squared().sum([0L]).Plus(1L).reciprocal().Times(2.0);                       // [r]
        var columns = unit;
        for (var i = x.shape[1] - 1; i >= 0; i--)
        {
            var vector = vectors.narrow(1, i, 1).Plus(unit.narrow(1, i, 1));                         // [width, 1], 1 on the diagonal
            columns = columns.Plus(vector * twice.narrow(0, i, 1) * matmul(vector.t(), columns), -1);
        }
        // A whole number there, as in PyTorch, which cuts the rest off.
        columns = columns * x.diagonal().detach().trunc();
        return matmul(frame.Get(context), columns).t();
    }

    /// <summary>An orthogonal [width, width] whose first columns span the rows of a start, [r, width].</summary>
    public static Tensor Frame(Tensor start)
    {
        var (q, r) = linalg.qr(start.t(), linalg.QRMode.Complete);
        var rank = start.shape[0];
        var signs = cat([r.narrow(0, 0, rank).diagonal().sign(), ones(start.shape[1] - rank)]);
        return q * signs;
    }
}
