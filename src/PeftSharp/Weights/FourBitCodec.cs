using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Weights in four bits: sixteen levels (<see cref="FourBitCode"/>) and one scale per block. Codes and values equal those of bitsandbytes
/// bit for bit.
/// </summary>
/// <remarks>
/// Blocks run over the flat row-major weights and may cross rows; the last may be partial and then has a scale of its own.
/// A scale is the largest magnitude in the block; a weight is level times scale. Two codes share a byte, the first in its
/// high half; an odd count is padded by a zero weight.
/// </remarks>
public static class FourBitCodec
{
    /// <summary>The usual block size.</summary>
    public const int DefaultBlock = 64;

    /// <summary>Bytes that the codes of <paramref name="count"/> weights take.</summary>
    internal static long CodeBytes(long count) => (count + 1) / 2;

    /// <summary>Blocks, hence scales, of <paramref name="count"/> weights.</summary>
    internal static long Blocks(long count, int block) => (count + block - 1) / block;

    /// <summary>True for a power of two from 32 to 4096.</summary>
    public static bool IsBlock(int block) => block is >= 32 and <= 4096 && int.IsPow2(block);

    /// <summary>Refuses a block size that is no power of two from 32 to 4096.</summary>
    /// <exception cref="PeftException">It is none.</exception>
    internal static int CheckBlock(int block) => IsBlock(block) ? block
        : throw new PeftException(
            $"A block size of {block} was given for weights of 4 bits; use a power of two from 32 to 4096 (64 is usual).");

    /// <summary>Quantises the weights of a tensor of any shape and floating-point type.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="block">Weights that share a scale.</param>
    /// <param name="code">The levels; null (default) for NF4.</param>
    /// <returns>New tensors in no dispose scope, the caller's: codes, uint8, [(count + 1) / 2], and scales, float32, [blocks].</returns>
    /// <exception cref="PeftException">The block size is wrong, the tensor is empty, or a weight is not finite.</exception>
    internal static (Tensor Codes, Tensor Absmax) Encode(Tensor weights, int block = DefaultBlock, FourBitCode? code = null)
    {
        CheckBlock(block);
        code ??= FourBitCode.Nf4;
        using var scope = NewDisposeScope();
        var count = weights.NumberOfElements;
        if (count == 0) throw new PeftException($"A weight without elements was given to be quantised to {code}; leave it as it is.");
        using var guard = no_grad();
        var flat = weights.detach().contiguous().view(-1);
        var codes = empty([CodeBytes(count)], ScalarType.Byte);
        var absmax = empty([Blocks(count, block)], ScalarType.Float32);
        foreach (var (start, length) in Scratch.Pieces(flat, 1))
        {
            using var piece = NewDisposeScope();
            FourBitEncoder.Encode(
                Scratch.Floats(flat.narrow(0, start, length)), length, block, code, codes.narrow(0, start / 2, CodeBytes(length)),
                absmax.narrow(0, start / block, Blocks(length, block)));
        }
        if (!absmax.isfinite().all().item<bool>())
            throw new PeftException(
                $"A weight that is NaN or infinite was given to be quantised to {code}; check the checkpoint that it comes from.");
        return (codes.DetachFromDisposeScope(), absmax.DetachFromDisposeScope());
    }

    /// <summary>The weights that codes and scales stand for.</summary>
    /// <returns>A new float32 tensor of <paramref name="count"/> elements, in the caller's dispose scope.</returns>
    /// <exception cref="PeftException">The tensors are too short or of the wrong type.</exception>
    internal static Tensor Decode(Tensor codes, Tensor absmax, long count, int block = DefaultBlock, FourBitCode? code = null)
    {
        CheckBlock(block);
        code ??= FourBitCode.Nf4;
        if (codes.device.type != DeviceType.CPU) return DecodeElsewhere(codes, absmax, count, block, code);
        if (
            codes.dtype != ScalarType.Byte || codes.NumberOfElements < CodeBytes(count) || absmax.dtype != ScalarType.Float32
                || absmax.NumberOfElements < Blocks(count, block))
            throw new PeftException(
                $"{codes.NumberOfElements} codes ({codes.dtype}) and {absmax.NumberOfElements} scales ({absmax.dtype}) were given for "
                + $"{count} weights of 4 bits in blocks of {block}; {CodeBytes(count)} of Byte and {Blocks(count, block)} of Float32 "
                + "are needed.");
        var weights = empty([count], ScalarType.Float32);
        FourBitDecoder.Decode(codes, BlockScales.Of(absmax), code, count, block, weights);
        GC.KeepAlive(absmax);
        return weights;
    }

    /// <summary>The same with libtorch's own operators, on whatever device the tensors are.</summary>
    internal static Tensor DecodeElsewhere(Tensor codes, Tensor absmax, long count, int block, FourBitCode code)
    {
        using var scope = NewDisposeScope();
        var nibbles = stack(
            [codes.bitwise_right_shift(tensor((byte)4, device: codes.device)), codes.bitwise_and(tensor((byte)15, device: codes.device))],
            1)
            .view(-1)
            .narrow(0, 0, count);
        var levels = tensor(code.Levels.ToArray(), device: codes.device)[nibbles.to(ScalarType.Int64)];
        return (levels * absmax.repeat_interleave(block).narrow(0, 0, count)).MoveToOuterDisposeScope();
    }
}
