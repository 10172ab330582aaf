using System.Runtime.Intrinsics;

namespace PeftSharp.Files.Gguf;

/// <summary>Blocks of 256 weights in groups of 16 or 32, whose scales are quantised themselves.</summary>
internal static unsafe class GgufSuperBlocks
{
    /// <summary>What takes a block of a type apart; null for types with other blocks.</summary>
    public static delegate*<byte*, GgufCodes*, void> Of(GgufType type) => type.Name switch
    {
        "Q2_K" => &Q2,
        "Q3_K" => &Q3,
        "Q4_K" => &Q4,
        "Q5_K" => &Q5,
        "Q6_K" => &Q6,
        _ => null,
    };

    /// <summary>True if a type's groups have minima.</summary>
    public static bool HasMinima(GgufType type) => type.Name is "Q2_K" or "Q4_K" or "Q5_K";

    /// <summary>The weights of a block: a product is rounded once, and again where a minimum is added.</summary>
    public static void Write(GgufCodes* block, bool minima, float* to)
    {
        for (var group = 0; group < GgufCodes.Size / GgufCodes.Group; group++, to += GgufCodes.Group)
        {
            var codes = Vector128.Load(block->Codes + GgufCodes.Group * group);
            if (minima) GgufBlocks.Write(codes.AsByte(), block->Scales[group], block->Minima[group], to);
            else GgufBlocks.Write(codes, block->Scales[group], to);
        }
    }

    /// <summary>Q2_K: 16 bytes of scale and minimum, 64 of codes of two bits, d, dmin; d · scale · q - dmin · minimum.</summary>
    private static void Q2(byte* from, GgufCodes* to)
    {
        var (scale, minimum) = (GgufBlocks.HalfAt(from + 80), GgufBlocks.HalfAt(from + 82));
        for (var group = 0; group < 16; group++)
        {
            var codes = Pairs(from + 16 + 32 * (group / 8) + 16 * (group % 2), group / 2 % 4);
            codes.AsSByte().Store(to->Codes + 16 * group);
            (to->Scales[group], to->Minima[group]) = (scale * (from[group] & 0x0F), -(minimum * (from[group] >> 4)));
        }
    }

    /// <summary>Q3_K: 32 bytes of third bits, 64 of codes of two, 12 of scales of six bits, d; d · (scale - 32) · (q - 4 where the third
    /// bit is missing).</summary>
    private static void Q3(byte* from, GgufCodes* to)
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
            (codes.AsSByte() - missing.AsSByte()).Store(to->Codes + 16 * group);
            to->Scales[group] = scale * (six - 32);
        }
    }

    /// <summary>Q4_K: d, dmin, 12 bytes of scales and minimums of six bits, 128 of halves; d · scale · q - dmin · minimum.</summary>
    private static void Q4(byte* from, GgufCodes* to)
    {
        for (var group = 0; group < 8; group++)
        {
            Six(from, group, to);
            for (var i = 0; i < 32; i += 16)
            {
                var bytes = Vector128.Load(from + 16 + 32 * (group / 2) + i);
                (group % 2 == 0 ? GgufBlocks.Low(bytes) : GgufBlocks.High(bytes)).AsSByte().Store(to->Codes + 32 * group + i);
            }
        }
    }

    /// <summary>Q5_K: as Q4_K, with 32 bytes of fifth bits before the halves.</summary>
    private static void Q5(byte* from, GgufCodes* to)
    {
        for (var group = 0; group < 8; group++)
        {
            Six(from, group, to);
            for (var i = 0; i < 32; i += 16)
            {
                var bytes = Vector128.Load(from + 48 + 32 * (group / 2) + i);
                var fifth = GgufBlocks.Fifth(Vector128.Load(from + 16 + i), 1 << group);
                var codes = (group % 2 == 0 ? GgufBlocks.Low(bytes) : GgufBlocks.High(bytes)) | fifth;
                codes.AsSByte().Store(to->Codes + 32 * group + i);
            }
        }
    }

    /// <summary>Q6_K: 128 bytes of low halves, 64 of high pairs, 16 signed scales, d; d · scale · (q - 32).</summary>
    private static void Q6(byte* from, GgufCodes* to)
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
            ((low | (high.AsUInt16() << 4).AsByte()).AsSByte() - thirtyTwo).Store(to->Codes + 16 * group);
            to->Scales[group] = scale * scales[group];
        }
    }

    // The pair of bits at a place of sixteen bytes.
    private static Vector128<byte> Pairs(byte* from, int place) => (Vector128.Load(from).AsUInt16() >>> (2 * place))
        .AsByte() & Vector128.Create((byte)3);

    // Scale and minimum of 32 weights of Q4_K and Q5_K.
    private static void Six(byte* from, int group, GgufCodes* to)
    {
        var packed = from + 4;
        var (scale, minimum) = group < 4 ? (packed[group] & 63, packed[group + 4] & 63)
            : (packed[group + 4] & 0x0F | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4);
        to->Scales[2 * group] = to->Scales[2 * group + 1] = GgufBlocks.HalfAt(from) * scale;
        to->Minima[2 * group] = to->Minima[2 * group + 1] = -(GgufBlocks.HalfAt(from + 2) * minimum);
    }
}
