using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Hra;

/// <summary>
/// Householder reflections of a linear map's input: W·H, H = H₁·…·Hᵣ, Hᵢ = I − 2·uᵢ·uᵢᵀ / ‖uᵢ‖² (Yuan et al. 2024, arXiv 2405.17484).
/// </summary>
/// <remarks>
/// All of them at once: H = I − U·T·Uᵀ, where the inverse of T is UᵀU above the diagonal and half of it on the diagonal.
/// </remarks>
/// <param name="vectors">U, [in, reflections].</param>
/// <param name="orthogonalises">True makes the vectors orthogonal to each other first.</param>
internal sealed class HraTurn(AdapterTensor vectors, bool orthogonalises) : InputTurn
{
    protected override Tensor Turn(Tensor rows, bool back, ForwardContext context)
    {
        var u = vectors.Get(context);
        if (orthogonalises)
        {
            var basis = Orthonormal(u);
            return rows.Plus(matmul(matmul(rows, basis), basis.t()), -2);
        }
        var products = mm(u.t(), u);                                                        // [reflections, reflections]
        var t = linalg.inv(products.triu(1).Plus(diag(products.diagonal().Times(0.5))));
        // What a map reads is multiplied by Hᵀ, and its weight by H.
        return rows.Plus(matmul(matmul(matmul(rows, u), back ? t : t.t()), u.t()), -1);
    }

    // One after the other, as peft does it; the sign of a vector does not matter.
    private static Tensor Orthonormal(Tensor u)
    {
        var done = new List<Tensor>();
        for (var i = 0; i < u.shape[1]; i++)
        {
            var vector = u.narrow(1, i, 1);                                                 // [in, 1]
            foreach (var earlier in done) vector = vector.Plus(earlier * mm(earlier.t(), vector), -1);
            done.Add(vector / vector.norm());
        }
        return cat([.. done], 1);
    }
}
