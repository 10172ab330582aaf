using System.Runtime.Intrinsics;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Weights.BlockProducts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// A frozen weight in four bits (see <see cref="FourBitCodec"/>), its scales optionally quantised as well. Products dequantise it
/// into a buffer that all stores of a thread share, in the forward and again in the backward pass: no dense copy is kept.
/// </summary>
internal sealed unsafe class FourBitStore : PackedStore, IRowProduct
{
    private readonly Tensor _codes;
    private readonly Tensor _absmax;
    private readonly NestedScales? _nested;

    // Takes the tensors over.
    internal FourBitStore(
        FourBitCode code, Tensor codes, Tensor absmax, NestedScales? nested, long outFeatures, long inFeatures, int block,
        string originalType)
    {
        (Code, _codes, _absmax, _nested) = (code, codes, absmax, nested);
        (OutFeatures, InFeatures, BlockSize, OriginalType) = (outFeatures, inFeatures, block, originalType);
    }

    /// <inheritdoc/>
    public override long OutFeatures { get; }

    /// <inheritdoc/>
    public override long InFeatures { get; }

    /// <summary>The sixteen levels: NF4 or FP4.</summary>
    public FourBitCode Code { get; }

    /// <summary>Weights that share a scale.</summary>
    public int BlockSize { get; }

    /// <summary>Whether the scales are quantised too.</summary>
    public bool IsDouble => _nested is not null;

    /// <summary>
    /// Type of the weight before it was quantised, as bitsandbytes names it (<c>float32</c>, <c>bfloat16</c> …); kept for files.
    /// </summary>
    public string OriginalType { get; }

    /// <inheritdoc/>
    public override string Kind => Code.Name;

    /// <inheritdoc/>
    public override bool IsQuantized => true;

    /// <inheritdoc/>
    public override long Bytes => _codes.NumberOfElements + _absmax.NumberOfElements * _absmax.ElementSize + (_nested?.Bytes ?? 0);

    /// <summary>Quantises a dense weight, [out, in], which stays the caller's.</summary>
    /// <param name="dense">The weight, of any floating-point type.</param>
    /// <param name="blockSize">Weights that share a scale: a power of two from 32 to 4096; default 64.</param>
    /// <param name="doubleQuantization">Quantises the scales too (0.52 bytes per weight in place of 0.56 at block size 64).</param>
    /// <param name="code">The levels; null (default) for NF4.</param>
    /// <exception cref="PeftException">The shape or block size is wrong, or a weight is not finite.</exception>
    public static FourBitStore Quantize(
        Tensor dense, int blockSize = FourBitCodec.DefaultBlock, bool doubleQuantization = false, FourBitCode? code = null)
    {
        LibTorch.EnsureLoaded();
        code ??= FourBitCode.Nf4;
        if (dense.dim() != 2)
            throw new PeftException(
                $"A weight of shape [{string.Join(", ", dense.shape)}] was given to be quantised to {code}; the weight of a linear map, "
                + "[out, in], is expected.");
        var original = dense.dtype switch { ScalarType.BFloat16 => "bfloat16", ScalarType.Float16 => "float16", _ => "float32" };
        var (codes, absmax) = FourBitCodec.Encode(dense, blockSize, code);
        NestedScales? nested = null;
        if (doubleQuantization)
            using (absmax)
            {
                (var scaleCodes, var scales, var offset) = DoubleQuantization.Encode(absmax);
                nested = new NestedScales(scales, NestedScales.StandardMap, offset);
                return new FourBitStore(code, codes, scaleCodes, nested, dense.shape[0], dense.shape[1], blockSize, original);
            }
        return new FourBitStore(code, codes, absmax, nested, dense.shape[0], dense.shape[1], blockSize, original);
    }

    /// <summary>Reads a weight that bitsandbytes quantised: <paramref name="weightName"/> and the tensors named after it.</summary>
    /// <exception cref="PeftException">A tensor is missing or of the wrong size, or the form is not NF4 or FP4 as
    /// transformers writes it.</exception>
    public static FourBitStore FromBitsAndBytes(Checkpoint checkpoint, string weightName) => BitsAndBytes.Read(checkpoint, weightName);

    /// <summary>The tensors under which bitsandbytes stores the weight.</summary>
    /// <returns>New tensors in the caller's dispose scope; some may share memory with the store.</returns>
    public IReadOnlyList<KeyValuePair<string, Tensor>> ToBitsAndBytes(string weightName) =>
        BitsAndBytes.Write(this, weightName, _codes, _absmax, _nested);

    /// <inheritdoc/>
    internal override WeightStore Like(Tensor dense)
    {
        var store = Quantize(dense, BlockSize, IsDouble, Code);
        store.ComputeType = ComputeType;
        return store.To(Device);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _codes.Dispose();
        _absmax.Dispose();
        _nested?.Dispose();
    }

    /// <inheritdoc/>
    internal override PackedStore To(Device device)
    {
        if (_codes.IsOn(device)) return this;
        Tensor Moved(Tensor tensor) => tensor.to(device).DetachFromDisposeScope();
        var nested = _nested is null ? null : new NestedScales(Moved(_nested.Scales), Moved(_nested.Map), _nested.Offset);
        var moved = new FourBitStore(
            Code, Moved(_codes), Moved(_absmax), nested, OutFeatures, InFeatures, BlockSize, OriginalType)
        { ComputeType = ComputeType };
        Dispose();
        return moved;
    }

    /// <inheritdoc/>
    internal override Device Device => _codes.device;

    // Rows that begin with a block.
    bool IRowProduct.HasRows =>
        ComputeType == ScalarType.Float32 && Device.type == DeviceType.CPU && InFeatures % BlockSize == 0;

    void IRowProduct.Multiply(long first, long rows, float* x, int count, float* y, long stride)
    {
        if (FourBitDecoder.Best == FourBitDecoder.Width.Avx512 && InFeatures <= BlockRows.MostOrdered)
        {
            var codes = TensorPointer.Of(_codes);
            var scales = Scales;
            var (start, levels) = (first * InFeatures, Vector512.Create(Code.Levels));
            for (var i = 0; i < count; i++)
                LevelRows.Wide(
                    codes + start / 2, scales, start / BlockSize, BlockSize, levels, rows, x + i * InFeatures, InFeatures, y + i * stride);
        }
        else MultiplyDecoded(first, rows, x, count, y, stride);
        GC.KeepAlive(this);
    }

    /// <summary>The way of other processors: each block is decoded once for all inputs.</summary>
    internal void MultiplyDecoded(long first, long rows, float* x, int count, float* y, long stride)
    {
        var piece = stackalloc float[BlockSize];
        var codes = TensorPointer.Of(_codes);
        var scales = Scales;
        for (var row = 0L; row < rows; row++)
        {
            for (var i = 0; i < count; i++) y[i * stride + row] = 0;
            var start = (first + row) * InFeatures;
            for (var at = 0L; at < InFeatures; at += BlockSize)
            {
                FourBitDecoder.Decode(codes + (start + at) / 2, scales[(start + at) / BlockSize], Code, BlockSize, piece);
                for (var i = 0; i < count; i++)
                    y[i * stride + row] += RowDots.Single(piece, x + i * InFeatures + at, BlockSize);
            }
        }
        GC.KeepAlive(this);
    }

    private BlockScales Scales =>
        _nested is null ? BlockScales.Of(_absmax) : BlockScales.Of(_absmax, _nested.Scales, _nested.Map, _nested.Offset);

    /// <inheritdoc/>
    internal override void DecodeInto(Tensor dense)
    {
        if (Device.type != DeviceType.CPU)
        {
            using var scope = NewDisposeScope();
            var absmax = _nested is null
                ? _absmax
                : (
                    _nested.Map[_absmax.to(ScalarType.Int64)] * _nested.Scales.repeat_interleave(DoubleQuantization.Block)
                        .narrow(0, 0, _absmax.NumberOfElements)).Plus(
                    (double)_nested.Offset);
            dense.copy_(FourBitCodec.DecodeElsewhere(_codes, absmax, Count, BlockSize, Code).view_as(dense));
            return;
        }
        FourBitDecoder.Decode(_codes, Scales, Code, Count, BlockSize, dense);
        GC.KeepAlive(this);
    }
}
