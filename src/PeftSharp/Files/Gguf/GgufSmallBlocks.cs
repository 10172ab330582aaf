using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PeftSharp.Files.Gguf;

/// <summary>Blocks of 32 weights: a scale, perhaps a minimum, then codes; the low halves of the bytes are the first sixteen.</summary>
internal static unsafe class GgufSmallBlocks
{
    /// <summary>Q4_0: d, 16 bytes of halves; d · (q - 8).</summary>
    public static void Q4(byte* from, float* to)
    {
        var (scale, bytes, eight) = (GgufBlocks.HalfAt(from), Vector128.Load(from + 2), Vector128.Create((sbyte)8));
        GgufBlocks.Write(GgufBlocks.Low(bytes).AsSByte() - eight, scale, to);
        GgufBlocks.Write(GgufBlocks.High(bytes).AsSByte() - eight, scale, to + 16);
    }

    /// <summary>Q4_1: d, m, 16 bytes of halves; d · q + m.</summary>
    public static void Q4WithMinimum(byte* from, float* to)
    {
        var (scale, minimum, bytes) = (GgufBlocks.HalfAt(from), GgufBlocks.HalfAt(from + 2), Vector128.Load(from + 4));
        GgufBlocks.Write(GgufBlocks.Low(bytes), scale, minimum, to);
        GgufBlocks.Write(GgufBlocks.High(bytes), scale, minimum, to + 16);
    }

    /// <summary>Q5_0: d, the fifth bits of all 32, 16 bytes of halves; d · (q - 16).</summary>
    public static void Q5(byte* from, float* to)
    {
        var (scale, fifths, bytes) = (GgufBlocks.HalfAt(from), Unsafe.ReadUnaligned<uint>(from + 2), Vector128.Load(from + 6));
        var sixteen = Vector128.Create((sbyte)16);
        GgufBlocks.Write((GgufBlocks.Low(bytes) | Spread(fifths)).AsSByte() - sixteen, scale, to);
        GgufBlocks.Write((GgufBlocks.High(bytes) | Spread(fifths >> 16)).AsSByte() - sixteen, scale, to + 16);
    }

    /// <summary>Q5_1: d, m, the fifth bits of all 32, 16 bytes of halves; d · q + m.</summary>
    public static void Q5WithMinimum(byte* from, float* to)
    {
        var (scale, minimum, fifths) = (GgufBlocks.HalfAt(from), GgufBlocks.HalfAt(from + 2), Unsafe.ReadUnaligned<uint>(from + 4));
        var bytes = Vector128.Load(from + 8);
        GgufBlocks.Write(GgufBlocks.Low(bytes) | Spread(fifths), scale, minimum, to);
        GgufBlocks.Write(GgufBlocks.High(bytes) | Spread(fifths >> 16), scale, minimum, to + 16);
    }

    /// <summary>Q8_0: d, 32 signed bytes; d · q.</summary>
    public static void Q8(byte* from, float* to)
    {
        var scale = GgufBlocks.HalfAt(from);
        GgufBlocks.Write(Vector128.Load((sbyte*)from + 2), scale, to);
        GgufBlocks.Write(Vector128.Load((sbyte*)from + 18), scale, to + 16);
    }

    // The lowest sixteen bits, one for each byte, as 16 or 0.
    private static Vector128<byte> Spread(uint bits)
    {
        var bytes = Vector128.Create((ulong)(byte)bits * 0x0101_0101_0101_0101, (ulong)(byte)(bits >> 8) * 0x0101_0101_0101_0101).AsByte();
        var each = Vector128.Create(0x8040_2010_0804_0201, 0x8040_2010_0804_0201).AsByte();
        return Vector128.Equals(bytes & each, each) & Vector128.Create((byte)16);
    }
}
