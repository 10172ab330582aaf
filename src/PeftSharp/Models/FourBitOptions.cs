using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>How weights are quantised to four bits: sixteen levels, one scale a block.</summary>
/// <param name="BlockSize">Weights that share a scale: a power of two from 32 to 4096.</param>
/// <param name="Double">True quantises the scales too.</param>
public abstract record FourBitOptions(int BlockSize, bool Double) : Quantization
{
    private protected abstract FourBitCode Code { get; }

    /// <inheritdoc/>
    public sealed override string Name => Code.Name;

    /// <inheritdoc/>
    internal sealed override string Short => $"{Name}/{BlockSize}{(Double ? " double" : "")}";

    /// <inheritdoc/>
    internal sealed override string Text => $"{Name} in blocks of {BlockSize}{(Double ? ", scales quantised" : "")}";

    /// <inheritdoc/>
    /// <remarks>Half a byte; and a scale of four bytes a block, or of one and four for every 256 of those.</remarks>
    public sealed override double BytesPerWeight => 0.5 + (Double ? 1 + 4.0 / DoubleQuantization.Block : 4.0) / BlockSize;

    /// <inheritdoc/>
    public sealed override PackedStore Quantize(Tensor dense) => FourBitStore.Quantize(dense, BlockSize, Double, Code);
}
