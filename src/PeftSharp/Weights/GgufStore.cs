using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>A frozen weight in the blocks of a GGUF file, which stay where they are mapped.</summary>
internal sealed unsafe class GgufStore : PackedStore, IRowProduct
{
    // Weights unpacked at a time: a multiple of every block, small enough for the nearest cache.
    private const int Piece = 1024;

    private readonly Tensor _blocks; // bytes, [out, bytes of a row]
    private readonly GgufType _type;
    private readonly long _rowBytes;
    private readonly nint _address; // of the blocks, which never move
    private readonly delegate*<byte*, float*, long, float> _product; // of a row as it lies there; null for types that are unpacked first

    // Takes the tensor over.
    internal GgufStore(Tensor blocks, GgufType type)
    {
        (_address, _rowBytes) = ((nint)TensorPointer.Of(blocks), blocks.shape[1]);
        (_blocks, _type) = (blocks, type);
        _product = type.Name switch
        {
            "Q4_0" => &RowDots.FourBits,
            "Q4_1" => &RowDots.FourBitsWithMinimum,
            "Q8_0" => &RowDots.EightBits,
            _ => null,
        };
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
    internal override WeightStore Like(Tensor dense) => new DenseStore(dense.to(ScalarType.Float32, copy: true).DetachFromDisposeScope());

    /// <inheritdoc/>
    public override void Dispose() => _blocks.Dispose();

    /// <inheritdoc/>
    internal override PackedStore To(Device device) => _blocks.IsOn(device) ? this
        : throw new PeftException(
            $"Weights in the blocks of a GGUF file are read on the CPU, not on {device}; unpack them (ModelOptions.Unpack).");

    /// <inheritdoc/>
    internal override Device Device => _blocks.device;

    bool IRowProduct.HasRows => ComputeType == ScalarType.Float32 && Device.type == DeviceType.CPU;

    void IRowProduct.Multiply(long row, float* x, int count, float* y, long stride)
    {
        var blocks = (byte*)_address + row * _rowBytes;
        if (_product != null)
        {
            for (var i = 0; i < count; i++) y[i * stride] = _product(blocks, x + i * InFeatures, InFeatures);
            return;
        }
        var piece = stackalloc float[Piece];
        for (var i = 0; i < count; i++) y[i * stride] = 0;
        for (var at = 0L; at < InFeatures; at += Piece)
        {
            var length = Math.Min(Piece, InFeatures - at);
            GgufBlocks.Decode(_type, blocks + at / _type.BlockSize * _type.BlockBytes, piece, length / _type.BlockSize);
            for (var i = 0; i < count; i++) y[i * stride] += RowDots.Single(piece, x + i * InFeatures + at, length);
        }
    }

    /// <inheritdoc/>
    internal override void DecodeInto(Tensor dense)
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
