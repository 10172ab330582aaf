using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified;

/// <summary>Masks as bits: one an entry, row-major, the first in the lowest bit of the first byte.</summary>
internal static class MaskBits
{
    /// <summary>A mask as bytes, uint8, in the caller's dispose scope.</summary>
    /// <param name="mask">Zero, or anything else where an entry counts.</param>
    public static Tensor Pack(Tensor mask)
    {
        using var flat = mask.to(ScalarType.Bool).cpu().contiguous();
        var kept = flat.data<bool>().ToArray();
        var bytes = new byte[(kept.Length + 7) / 8];
        for (var i = 0; i < kept.Length; i++)
            if (kept[i]) bytes[i / 8] |= (byte)(1 << (i % 8));
        return tensor(bytes, dtype: ScalarType.Byte);
    }

    /// <summary>Bytes as a mask of a shape, bool, in the caller's dispose scope.</summary>
    public static Tensor Unpack(Tensor bits, long[] shape)
    {
        var bytes = bits.cpu().contiguous().data<byte>().ToArray();
        var kept = new bool[shape.Aggregate(1L, (all, size) => all * size)];
        for (var i = 0; i < kept.Length; i++) kept[i] = (bytes[i / 8] >> (i % 8) & 1) == 1;
        return tensor(kept, dtype: ScalarType.Bool).view(shape);
    }

    /// <summary>Refuses what are no bits for so many entries.</summary>
    /// <exception cref="PeftException">The tensor is missing, of another length, or of another type.</exception>
    public static void Require(IReadOnlyDictionary<string, Tensor> saved, string key, long entries, string file)
    {
        Layouts.SavedTensor.Require(saved, key, [(entries + 7) / 8], file);
        if (saved[key].dtype != ScalarType.Byte)
            throw new PeftException(
                $"{file}: tensor \"{key}\" holds {saved[key].dtype}; expected uint8, one bit for each entry: save the adapter again.");
    }
}
