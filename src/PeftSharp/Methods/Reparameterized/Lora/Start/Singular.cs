using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>Leading singular triplets of a matrix, exact or by random projections.</summary>
internal static class Singular
{
    /// <summary>U [rows, k], S [k] falling, Vᵀ [k, columns]; in the caller's dispose scope.</summary>
    public static (Tensor U, Tensor S, Tensor Vt) Leading(Tensor matrix, int k)
    {
        var (u, s, vt) = linalg.svd(matrix, fullMatrices: false);
        return (u.narrow(1, 0, k), s.narrow(0, 0, k), vt.narrow(0, 0, k));
    }

    /// <summary>
    /// The same by Halko, Martinsson and Tropp 2009 (arXiv 0909.4061, algorithms 4.4 and 5.1): a basis of k random mixtures of the columns,
    /// improved by rounds of products with the matrix.
    /// </summary>
    public static (Tensor U, Tensor S, Tensor Vt) Randomized(Tensor matrix, int k, int rounds, ulong seed)
    {
        var draws = Initial.Normal([matrix.shape[1], k], 1, seed).to(matrix.dtype, matrix.device);
        var basis = Basis(matmul(matrix, draws));
        for (var i = 0; i < rounds; i++) basis = Basis(matmul(matrix, Basis(matmul(matrix.t(), basis))));
        var (u, s, vt) = linalg.svd(matmul(basis.t(), matrix), fullMatrices: false);
        return (matmul(basis, u), s, vt);
    }

    private static Tensor Basis(Tensor columns) => linalg.qr(columns).Item1;
}
