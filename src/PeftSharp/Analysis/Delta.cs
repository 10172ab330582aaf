using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>
/// A matrix's change, dense or as two thin factors, with its singular values. Arithmetic is float64; results belong to the caller's scope.
/// </summary>
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
