using PeftSharp.Composition;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>A matrix that an adapter changes.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Rows">Rows: outputs of a linear map, entries of a table.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Spectrum">Singular values of the change.</param>
/// <param name="BaseNorm">‖W‖_F.</param>
/// <param name="Rounding">What merging into rounded weights would cost; empty if it was not asked for.</param>
public sealed record MatrixReport(
    MatrixPlace Place, long Rows, long Columns, Spectrum Spectrum, double BaseNorm, IReadOnlyList<RoundingError> Rounding)
{
    /// <summary>‖ΔW‖ / ‖W‖.</summary>
    public double RelativeNorm => Spectrum.Norm / BaseNorm;
}
