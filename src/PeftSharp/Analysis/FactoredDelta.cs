using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

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
