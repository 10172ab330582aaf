using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>
/// How far two changes of the same matrix share their leading directions: φ(A, B, i, j) = ‖U_Aᵀ U_B‖_F² / min(i, j) with the i and j
/// leading singular vectors (Hu et al. 2021, arXiv 2106.09685, section 7.2): 1 if the smaller subspace lies in the larger, 0 if they are
/// perpendicular.
/// </summary>
/// <param name="Place">The matrix.</param>
/// <param name="In">φ of the right singular vectors (what is read from the input), [i - 1, j - 1].</param>
/// <param name="Out">φ of the left singular vectors (what is written to the output).</param>
/// <param name="AnglesIn">Principal angles of the input subspaces, in degrees, rising.</param>
/// <param name="AnglesOut">Principal angles of the output subspaces.</param>
/// <param name="Rows">Rows of the matrix: random subspaces of dimensions i and j have φ = max(i, j) / rows on average.</param>
/// <param name="Columns">Columns of the matrix, for input subspaces.</param>
public sealed record SubspaceOverlap(
    MatrixPlace Place, double[,] In, double[,] Out, IReadOnlyList<double> AnglesIn, IReadOnlyList<double> AnglesOut, long Rows,
    long Columns)
{
    /// <summary>Compares two adapters of one model at every matrix of its layers that both change.</summary>
    /// <param name="model">The base with both adapters.</param>
    /// <param name="first">An adapter.</param>
    /// <param name="second">Another one.</param>
    /// <param name="most">Leading directions to compare, at most; default 8.</param>
    public static IReadOnlyList<SubspaceOverlap> Of(PeftModel model, PeftMethod first, PeftMethod second, int most = 8)
    {
        using var guard = no_grad();
        var others = ChangedMatrix.Of(model, second)
            .Where(m => m.Place.Group == MatrixGroup.Maps)
            .ToDictionary(m => m.Place.Path, m => Subspaces.Of(m, most));
        try
        {
            return [
                .. ChangedMatrix.Of(model, first)
                    .Where(m => others.ContainsKey(m.Place.Path))
                    .Select(m => Compare(m, others[m.Place.Path], most))
                    .OfType<SubspaceOverlap>(),
            ];
        }
        finally
        {
            foreach (var other in others.Values) other.Dispose();
        }
    }

    private static SubspaceOverlap? Compare(ChangedMatrix matrix, Subspaces other, int most)
    {
        using var scope = NewDisposeScope();
        using var own = Subspaces.Of(matrix, most);
        if (own.Count == 0 || other.Count == 0) return null;
        Tensor output = matmul(own.Output.t(), other.Output), input = matmul(own.Input.t(), other.Input);
        return new(matrix.Place, Phi(input), Phi(output), Angles(input), Angles(output), matrix.Delta.Rows, matrix.Delta.Columns);
    }

    /// <summary>φ at (i, j), averaged over matrices that have as many directions.</summary>
    /// <param name="all">The matrices.</param>
    /// <param name="i">Leading directions of the first adapter, from 1.</param>
    /// <param name="j">Leading directions of the second.</param>
    /// <param name="input">True for what is read, false for what is written.</param>
    public static double Mean(IEnumerable<SubspaceOverlap> all, int i, int j, bool input) =>
        all.Select(o => input ? o.In : o.Out)
            .Where(p => p.GetLength(0) >= i && p.GetLength(1) >= j)
            .Select(p => p[i - 1, j - 1])
            .DefaultIfEmpty(double.NaN)
            .Average();

    private static double[,] Phi(Tensor products)
    {
        var (rows, columns) = ((int)products.shape[0], (int)products.shape[1]);
        var sums = products.Squared().cumsum(0).cumsum(1).contiguous().data<double>().ToArray();
        var phi = new double[rows, columns];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) phi[i, j] = sums[i * columns + j] / (Math.Min(i, j) + 1);
        return phi;
    }

    private static double[] Angles(Tensor products) =>
        [.. linalg.svdvals(products).AtLeast(0L).AtMost(1L).acos().data<double>().ToArray().Select(a => a * 180 / Math.PI).Order()];

    // Leading directions; those whose singular value is rounding's are left out. In no dispose scope.
    private sealed record Subspaces(Tensor Output, Tensor Input) : IDisposable
    {
        public long Count => Output.shape[1];

        public static Subspaces Of(ChangedMatrix matrix, int most)
        {
            using var scope = NewDisposeScope();
            var (u, s, v) = matrix.Delta.Leading(most);
            var count = Math.Min(s.shape[0], new Spectrum(s.data<double>().ToArray()).NumericalRank);
            return new(u.narrow(1, 0, count).clone().DetachFromDisposeScope(), v.narrow(1, 0, count).clone().DetachFromDisposeScope());
        }

        public void Dispose()
        {
            Output.Dispose();
            Input.Dispose();
        }
    }
}
