using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining;

/// <summary>A matrix's change after combining.</summary>
/// <param name="Left">[rows, rank].</param>
/// <param name="Right">[rank, columns].</param>
/// <param name="Kept">‖ΔW‖² of what was kept.</param>
/// <param name="All">‖ΔW‖² before cutting.</param>
internal sealed record CombinedMatrix(Tensor Left, Tensor Right, double Kept, double All)
{
    public int Rank => (int)Left.shape[1];
}
