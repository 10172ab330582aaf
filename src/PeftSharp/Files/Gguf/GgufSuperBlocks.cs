using System.Runtime.Intrinsics;

namespace PeftSharp.Files.Gguf;

/// <summary>Blocks of 256 weights in groups of 16 or 32, whose scales are quantised themselves.</summary>
internal static unsafe class GgufSuperBlocks
{
    /// <summary>Q2_K: 16 bytes of scale and minimum, 64 of codes of two bits, d, dmin; d · scale · q - dmin · minimum.</summary>
    public static void Q2(byte* from, float* to)
    {
        var (scale, minimum) = (GgufBlocks.HalfAt(from + 80), GgufBlocks.HalfAt(from + 82));
        for (var group = 0; group < 16; group++)
        {
            var codes = Pairs(from + 16 + 32 * (group / 8) + 16 * (group % 2), group / 2 % 4);
            GgufBlocks.Write(codes, scale * (from[group] & 0x0F), -(minimum * (from[group] >> 4)), to + 16 * group);
        }
    }

    /// <summary>Q3_K: 32 bytes of third bits, 64 of codes of two, 12 of scales of six bits, d; d · (scale - 32) · (q - 4 where the third
    /// bit is missing).</summary>
    public static void Q3(byte* from, float* to)
    {
        var scales = from + 96;
        var scale = GgufBlocks.HalfAt(from + 108);
        var four = Vector128.Create((byte)4);
        for (var group = 0; group < 16; group++)
        {
            var six = (group < 8 ? scales[group] & 0x0F : scales[group - 8] >> 4) | (scales[8 + group % 4] >> (2 * (group / 4)) & 3) << 4;
            var third = Vector128.Load(from + 16 * (group % 2)) & Vector128.Create((byte)(1 << (group / 2)));
            var missing = Vector128.Equals(third, Vector128<byte>.Zero) & four;
            var codes = Pairs(from + 32 + 32 * (group / 8) + 16 * (group % 2), group / 2 % 4);
            GgufBlocks.Write(codes.AsSByte() - missing.AsSByte(), scale * (six - 32), to + 16 * group);
        }
    }

    /// <summary>Q4_K: d, dmin, 12 bytes of scales and minimums of six bits, 128 of halves; d · scale · q - dmin · minimum.</summary>
    public static void Q4(byte* from, float* to)
    {
        for (var group = 0; group < 8; group++)
        {
            var (scale, minimum) = Six(from, group);
            for (var i = 0; i < 32; i += 16)
            {
                var bytes = Vector128.Load(from + 16 + 32 * (group / 2) + i);
                GgufBlocks.Write(group % 2 == 0 ? GgufBlocks.Low(bytes) : GgufBlocks.High(bytes), scale, -minimum, to + 32 * group + i);
            }
        }
    }

    /// <summary>Q5_K: as Q4_K, with 32 bytes of fifth bits before the halves.</summary>
    public static void Q5(byte* from, float* to)
    {
        for (var group = 0; group < 8; group++)
        {
            var (scale, minimum) = Six(from, group);
            for (var i = 0; i < 32; i += 16)
            {
                var bytes = Vector128.Load(from + 48 + 32 * (group / 2) + i);
                var fifth = GgufBlocks.Fifth(Vector128.Load(from + 16 + i), 1 << group);
                GgufBlocks.Write((group % 2 == 0 ? GgufBlocks.Low(bytes) : GgufBlocks.High(bytes)) | fifth, scale, -minimum, to
                    + 32 * group + i);
            }
        }
    }

    /// <summary>Q6_K: 128 bytes of low halves, 64 of high pairs, 16 signed scales, d; d · scale · (q - 32).</summary>
    public static void Q6(byte* from, float* to)
    {
        var scales = (sbyte*)from + 192;
        var scale = GgufBlocks.HalfAt(from + 208);
        var thirtyTwo = Vector128.Create((sbyte)32);
        for (var group = 0; group < 16; group++)
        {
            var (half, quarter, part) = (group / 8, group / 2 % 4, 16 * (group % 2));
            var bytes = Vector128.Load(from + 64 * half + 32 * (quarter % 2) + part);
            var low = quarter < 2 ? GgufBlocks.Low(bytes) : GgufBlocks.High(bytes);
            var high = Pairs(from + 128 + 32 * half + part, quarter);
            GgufBlocks.Write((low | (high.AsUInt16() << 4).AsByte()).AsSByte() - thirtyTwo, scale * scales[group], to + 16 * group);
        }
    }

    // The pair of bits at a place of sixteen bytes.
    private static Vector128<byte> Pairs(byte* from, int place) => (Vector128.Load(from).AsUInt16() >>> (2 * place))
        .AsByte() & Vector128.Create((byte)3);

    // Scale and minimum of a group of Q4_K and Q5_K.
    private static (float Scale, float Minimum) Six(byte* from, int group)
    {
        var packed = from + 4;
        var (scale, minimum) = group < 4 ? (packed[group] & 63, packed[group + 4] & 63)
            : (packed[group + 4] & 0x0F | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4);
        return (GgufBlocks.HalfAt(from) * scale, GgufBlocks.HalfAt(from + 2) * minimum);
    }
}
