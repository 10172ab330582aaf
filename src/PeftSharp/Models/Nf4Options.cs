using PeftSharp.Weights;

namespace PeftSharp.Models;

/// <summary>How weights are quantised to NF4 (Dettmers et al. 2023, arXiv 2305.14314).</summary>
/// <param name="BlockSize">Weights that share a scale: a power of two from 32 to 4096; default 64.</param>
/// <param name="Double">True quantises the scales too; default false.</param>
public sealed record Nf4Options(int BlockSize = 64, bool Double = false) : FourBitOptions(BlockSize, Double)
{
    private protected override FourBitCode Code => FourBitCode.Nf4;
}
