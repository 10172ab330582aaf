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
    private readonly long _rowBytes;
    private readonly nint _address; // of the blocks, which never move

    // Takes the tensor over.
    internal unsafe GgufStore(Tensor blocks, GgufType type)
    {
        (_address, _rowBytes) = ((nint)TensorPointer.Of(blocks), blocks.shape[1]);
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

    /// <summary>Unpacks a stretch of a row to float32; where it begins and how long it is are multiples of a block.</summary>
    internal unsafe void DecodeRow(long row, long column, long count, float* to)
    {
        var source = _address + (nint)(row * _rowBytes + column / _type.BlockSize * _type.BlockBytes);
        GgufBlocks.Decode(_type, (byte*)source, to, count / _type.BlockSize);
    }

    /// <inheritdoc/>
    internal override unsafe void DecodeInto(Tensor dense)
    {
        var (to, isFloat) = ((nint)TensorPointer.Of(dense), dense.dtype == ScalarType.Float32);
        var rowBlocks = InFeatures / _type.BlockSize;
        Ranges.ForEach(OutFeatures, Math.Max(1, (1 << 15) / InFeatures), (first, last) =>
        {
            for (var row = first; row < last; row++)
            {
                var source = (byte*)_address + row * _rowBytes;
                if (isFloat) GgufBlocks.Decode(_type, source, (float*)to + row * InFeatures, rowBlocks);
                else GgufBlocks.DecodeToBFloat16(_type, source, (ushort*)to + row * InFeatures, rowBlocks);
            }
        });
        GC.KeepAlive(this);
        GC.KeepAlive(dense);
    }
}
