using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// NormalFloat-4 (Dettmers et al. 2023, arXiv 2305.14314): sixteen levels at quantiles of a normal distribution, one scale
/// per block. Codes and values equal those of bitsandbytes bit for bit.
/// </summary>
/// <remarks>
/// Blocks run over the flat row-major weights and may cross rows; the last may be partial and then has a scale of its own.
/// A scale is the largest magnitude in the block; a weight is level times scale. Two codes share a byte, the first in its
/// high half; an odd count is padded by a zero weight.
/// </remarks>
public static class Nf4Codec
{
    /// <summary>The usual block size.</summary>
    public const int DefaultBlock = 64;

    private static readonly float[] Values =
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
        -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ];

    /// <summary>The sixteen levels, ascending; a code is an index into them.</summary>
    public static ReadOnlySpan<float> Levels => Values;

    /// <summary>Bytes that the codes of <paramref name="count"/> weights take.</summary>
    public static long CodeBytes(long count) => (count + 1) / 2;

    /// <summary>Blocks, hence scales, of <paramref name="count"/> weights.</summary>
    public static long Blocks(long count, int block) => (count + block - 1) / block;

    /// <summary>Refuses a block size that is no power of two from 32 to 4096.</summary>
    /// <exception cref="PeftException">It is none.</exception>
    public static int CheckBlock(int block) => block is >= 32 and <= 4096 && int.IsPow2(block) ? block
        : throw new PeftException($"An NF4 block size of {block} was given; use a power of two from 32 to 4096 (64 is usual).");

    /// <summary>Quantises the weights of a tensor of any shape and floating-point type.</summary>
    /// <returns>New tensors in no dispose scope, the caller's: codes, uint8, [(count + 1) / 2], and scales, float32, [blocks].</returns>
    /// <exception cref="PeftException">The block size is wrong, the tensor is empty, or a weight is not finite.</exception>
    public static (Tensor Codes, Tensor Absmax) Encode(Tensor weights, int block = DefaultBlock)
    {
        CheckBlock(block);
        using var scope = NewDisposeScope();
        var flat = weights.detach().to(ScalarType.Float32).cpu().contiguous().view(-1);
        var count = flat.NumberOfElements;
        if (count == 0) throw new PeftException("A weight without elements was given to be quantised to NF4; leave it as it is.");
        var codes = empty([CodeBytes(count)], ScalarType.Byte);
        var absmax = empty([Blocks(count, block)], ScalarType.Float32);
        Nf4Encoder.Encode(flat, count, block, codes, absmax);
        if (!absmax.isfinite().all().item<bool>())
            throw new PeftException(
                "A weight that is NaN or infinite was given to be quantised to NF4; check the checkpoint that it comes from.");
        return (codes.DetachFromDisposeScope(), absmax.DetachFromDisposeScope());
    }

    /// <summary>The weights that codes and scales stand for.</summary>
    /// <returns>A new float32 tensor of <paramref name="count"/> elements, in the caller's dispose scope.</returns>
    /// <exception cref="PeftException">The tensors are too short or of the wrong type.</exception>
    public static Tensor Decode(Tensor codes, Tensor absmax, long count, int block = DefaultBlock)
    {
        CheckBlock(block);
        if (codes.device.type != DeviceType.CPU) return DecodeElsewhere(codes, absmax, count, block);
        if (
            codes.dtype != ScalarType.Byte || codes.NumberOfElements < CodeBytes(count) || absmax.dtype != ScalarType.Float32
                || absmax.NumberOfElements < Blocks(count, block))
            throw new PeftException(
                $"{codes.NumberOfElements} codes ({codes.dtype}) and {absmax.NumberOfElements} scales ({absmax.dtype}) were given for "
                + $"{count} NF4 weights in blocks of {block}; {CodeBytes(count)} of Byte and {Blocks(count, block)} of Float32 "
                + "are needed.");
        var weights = empty([count], ScalarType.Float32);
        Nf4Decoder.Decode(codes, BlockScales.Of(absmax), count, block, weights);
        GC.KeepAlive(absmax);
        return weights;
    }

    /// <summary>The same with libtorch's own operators, on whatever device the tensors are.</summary>
    internal static Tensor DecodeElsewhere(Tensor codes, Tensor absmax, long count, int block)
    {
        using var scope = NewDisposeScope();
        var nibbles = stack(
            [codes.bitwise_right_shift(tensor((byte)4, device: codes.device)), codes.bitwise_and(tensor((byte)15, device: codes.device))],
            1)
            .view(-1)
            .narrow(0, 0, count);
        var levels = tensor(Values, device: codes.device)[nibbles.to(ScalarType.Int64)];
        return (levels * absmax.repeat_interleave(block).narrow(0, 0, count)).MoveToOuterDisposeScope();
    }
}
