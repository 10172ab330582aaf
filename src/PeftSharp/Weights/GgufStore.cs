using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>A frozen weight in the blocks of a GGUF file, which stay where they are mapped.</summary>
public sealed class GgufStore : PackedStore
{
    private readonly Tensor _blocks; // bytes, [out, bytes of a row]
    private readonly GgufType _type;

    // Takes the tensor over.
    internal GgufStore(Tensor blocks, GgufType type)
    {
        (_blocks, _type) = (blocks, type);
        OutFeatures = blocks.shape[0];
        InFeatures = blocks.shape[1] / type.BlockBytes * type.BlockSize;
    }

    /// <inheritdoc/>
    public override long OutFeatures { get; }

    /// <inheritdoc/>
    public override long InFeatures { get; }

    /// <inheritdoc/>
    public override long Bytes => _blocks.NumberOfElements;

    /// <summary>The block type as GGUF names it, in small letters: <c>q4_1</c>, <c>q6_k</c> …</summary>
    public override string Kind => _type.Name.ToLowerInvariant();

    /// <inheritdoc/>
    /// <remarks>A merged weight is kept dense: blocks of a few bits would lose most of what an adapter changed.</remarks>
    public override WeightStore Like(Tensor dense) => new DenseStore(dense.to(ScalarType.Float32, copy: true).DetachFromDisposeScope());

    /// <inheritdoc/>
    public override void Dispose() => _blocks.Dispose();

    /// <inheritdoc/>
    internal override Device Device => _blocks.device;

    /// <inheritdoc/>
    internal override unsafe void DecodeInto(Tensor dense)
    {
        var (from, to, isFloat) = ((nint)TensorPointer.Of(_blocks), (nint)TensorPointer.Of(dense), dense.dtype == ScalarType.Float32);
        var (rowBytes, rowBlocks) = (_blocks.shape[1], InFeatures / _type.BlockSize);
        Ranges.ForEach(OutFeatures, Math.Max(1, (1 << 15) / InFeatures), (first, last) =>
        {
            for (var row = first; row < last; row++)
            {
                var source = (byte*)from + row * rowBytes;
                if (isFloat) GgufBlocks.Decode(_type, source, (float*)to + row * InFeatures, rowBlocks);
                else GgufBlocks.DecodeToBFloat16(_type, source, (ushort*)to + row * InFeatures, rowBlocks);
            }
        });
        GC.KeepAlive(this);
        GC.KeepAlive(dense);
    }
}
