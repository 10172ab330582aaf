using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using PeftSharp.Weights.BlockProducts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>A frozen weight in the blocks of a GGUF file, which stay where they are mapped.</summary>
internal sealed unsafe class GgufStore : PackedStore, IRowProduct
{
    // Weights unpacked at a time: a multiple of every block, small enough for the nearest cache.
    private const int Piece = 1024;

    // Rows that every input is multiplied with before the next rows are read: a multiple of those that go together.
    private const int Together = 32;

    private readonly Tensor _blocks; // bytes, [out, bytes of a row]
    private readonly GgufType _type;
    private readonly long _rowBytes;
    private readonly nint _address; // of the blocks, which never move
    private readonly delegate*<byte*, long, long, float*, long, float*, void> _product; // null for other blocks than those of 32

    // Takes the tensor over.
    internal GgufStore(Tensor blocks, GgufType type)
    {
        (_address, _rowBytes) = ((nint)TensorPointer.Of(blocks), blocks.shape[1]);
        (_blocks, _type) = (blocks, type);
        _product = BlockProduct.Of(type);
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

    void IRowProduct.Multiply(long first, long rows, float* x, int count, float* y, long stride)
    {
        var together = count == 1 ? rows : Together;
        for (var row = 0L; row < rows; row += together)
        {
            var blocks = (byte*)_address + (first + row) * _rowBytes;
            var some = Math.Min(together, rows - row);
            if (_type.BlockSize == GgufCodes.Size) CodeRows.Multiply(_type, blocks, some, x, count, InFeatures, y + row, stride);
            else if (_product == null) Unpacked(blocks, some, x, count, y + row, stride);
            else for (var i = 0; i < count; i++) _product(blocks, _rowBytes, some, x + i * InFeatures, InFeatures, y + i * stride + row);
        }
    }

    private void Unpacked(byte* blocks, long rows, float* x, int count, float* y, long stride)
    {
        var piece = stackalloc float[Piece];
        for (var row = 0L; row < rows; row++, blocks += _rowBytes)
        {
            for (var i = 0; i < count; i++) y[i * stride + row] = 0;
            for (var at = 0L; at < InFeatures; at += Piece)
            {
                var length = Math.Min(Piece, InFeatures - at);
                GgufBlocks.Decode(_type, blocks + at / _type.BlockSize * _type.BlockBytes, piece, length / _type.BlockSize);
                for (var i = 0; i < count; i++) y[i * stride + row] += RowDots.Single(piece, x + i * InFeatures + at, length);
            }
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
