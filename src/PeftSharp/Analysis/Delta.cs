using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>A matrix's change, dense or as two thin factors, with its singular values. Arithmetic is float64; results belong to the caller's scope.</summary>
internal abstract class Delta(long rows, long columns)
{
    /// <summary>Rows.</summary>
    public long Rows { get; } = rows;

    /// <summary>Columns.</summary>
    public long Columns { get; } = columns;

    /// <summary>Leading singular triplets: U [rows, k], S [k] falling, V [columns, k], with k at most the given number.</summary>
    public abstract (Tensor U, Tensor S, Tensor V) Leading(int most);

    /// <summary>All singular values that can differ from zero, falling.</summary>
    public abstract double[] SingularValues();

    /// <summary>The matrix.</summary>
    public abstract Tensor Dense(ScalarType type = ScalarType.Float32);
}

/// <summary>A change known as a whole.</summary>
/// <param name="change">[rows, columns]; borrowed.</param>
internal sealed class DenseDelta(Tensor change) : Delta(change.shape[0], change.shape[1])
{
    public override Tensor Dense(ScalarType type) => change.to(type);

    public override double[] SingularValues() => Eigen().S.data<double>().ToArray();

    public override (Tensor U, Tensor S, Tensor V) Leading(int most)
    {
        var (x, vectors, s) = Eigen();
        var k = Math.Min(most, s.shape[0]);
        var (leading, values) = (vectors.narrow(1, 0, k), s.narrow(0, 0, k));
        // The other side's vectors, where the value is not zero.
        Tensor Other(Tensor product) => product / values.AtLeast(double.Epsilon * 1e10);
        return Rows >= Columns ? (Other(matmul(x, leading)), values, leading) : (leading, values, Other(matmul(x.t(), leading)));
    }

    // By the Gram matrix of the shorter side: in float64 it resolves values down to 1e-8 of the largest, below what float32 weights hold.
    private (Tensor X, Tensor Vectors, Tensor S) Eigen()
    {
        var x = change.to(ScalarType.Float64).cpu();
        var (values, vectors) = linalg.eigh(Rows >= Columns ? matmul(x.t(), x) : matmul(x, x.t()));
        return (x, vectors.flip(1), values.AtLeast(0L).sqrt().flip(0).contiguous());
    }
}

/// <summary>A change known as Left · Right · scale: QR of both factors leaves a matrix as small as the rank.</summary>
internal sealed class FactoredDelta(Tensor left, Tensor right, double scale) : Delta(left.shape[0], right.shape[1])
{
    /// <summary>[rows, rank]; borrowed.</summary>
    public Tensor Left => left;

    /// <summary>[rank, columns]; borrowed.</summary>
    public Tensor Right => right;

    /// <summary>What scales the product.</summary>
    public double Scale => scale;

    /// <summary>Width of the factors.</summary>
    public long Rank => left.shape[1];

    public override Tensor Dense(ScalarType type) => type == ScalarType.Float64
        ? matmul(left.to(type), right.to(type)).Times(scale)
        : matmul(left, right).Times(scale).to(type);

    public override double[] SingularValues() => Leading(int.MaxValue).S.data<double>().ToArray();

    public override (Tensor U, Tensor S, Tensor V) Leading(int most)
    {
        var (leftQ, leftR) = linalg.qr(left.to(ScalarType.Float64).cpu());
        var (rightQ, rightR) = linalg.qr(right.t().to(ScalarType.Float64).cpu());
        var (u, s, vh) = linalg.svd(matmul(leftR, rightR.t()).Times(scale), fullMatrices: false);
        var k = Math.Min(most, s.shape[0]);
        return (matmul(leftQ, u.narrow(1, 0, k)), s.narrow(0, 0, k).contiguous(), matmul(rightQ, vh.narrow(0, 0, k).t()));
    }
}
