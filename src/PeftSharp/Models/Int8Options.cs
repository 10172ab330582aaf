using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>How weights are quantised to eight bits, one scale a row (<see cref="Int8Store"/>).</summary>
public sealed record Int8Options : Quantization
{
    /// <inheritdoc/>
    public override string Name => "int8";

    /// <inheritdoc/>
    internal override string Short => Name;

    /// <inheritdoc/>
    internal override string Text => Name;

    /// <inheritdoc/>
    /// <remarks>And a scale of four bytes a row, next to nothing.</remarks>
    public override double BytesPerWeight => 1;

    /// <inheritdoc/>
    public override PackedStore Quantize(Tensor dense) => Int8Store.Quantize(dense);
}
