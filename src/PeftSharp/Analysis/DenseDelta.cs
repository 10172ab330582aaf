using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

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
