using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Codes of four bits to weights. Each block's sixteen possible values are computed once and then only looked up.</summary>
internal static unsafe class FourBitDecoder
{
    // Weights per thread: some fifteen microseconds' work.
    private const long Grain = 1 << 15;

    /// <summary>Widest instructions to use; tests lower it to reach every path.</summary>
    internal enum Width { Scalar, Avx2, Avx512 }

    internal static readonly Width Best = Avx512F.IsSupported ? Width.Avx512 : Avx2.IsSupported ? Width.Avx2 : Width.Scalar;

    /// <summary>
    /// Decodes into a contiguous CPU tensor of float32 or bfloat16 (rounded to nearest even) with at least <paramref name="count"/>
    /// elements.
    /// </summary>
    public static void Decode(
        Tensor codes, BlockScales scales, FourBitCode code, long count, int block, Tensor to, Width? width = null)
    {
        byte* from = TensorPointer.Of(codes), target = TensorPointer.Of(to);
        var (isFloat, use) = (to.dtype == ScalarType.Float32, width ?? Best);
        Ranges.ForEach(FourBitCodec.Blocks(count, block), Math.Max(1, Grain / block), (first, last) =>
        {
            Span<float> values = stackalloc float[16];
            for (var b = first; b < last; b++)
            {
                var start = b * block;
                var n = (int)Math.Min(block, count - start);
                Scale(code.Levels, scales[b], values);
                if (isFloat) ToFloat(from + start / 2, values, n, (float*)target + start, use);
                else ToBFloat16(from + start / 2, values, n, (ushort*)target + start, use);
            }
        });
        GC.KeepAlive(codes);
        GC.KeepAlive(to);
    }

    /// <summary>Decodes one block to float32.</summary>
    /// <param name="codes">Its codes.</param>
    /// <param name="scale">Its scale.</param>
    /// <param name="code">The levels.</param>
    /// <param name="count">Weights.</param>
    /// <param name="to">Where they go.</param>
    public static void Decode(byte* codes, float scale, FourBitCode code, int count, float* to)
    {
        Span<float> values = stackalloc float[16];
        Scale(code.Levels, scale, values);
        ToFloat(codes, values, count, to, Best);
    }

    private static void Scale(ReadOnlySpan<float> levels, float absmax, Span<float> values)
    {
        for (var i = 0; i < 16; i += 8)
            (Vector256.Create(levels[i..]) * absmax).CopyTo(values[i..]);
    }

    private static void ToFloat(byte* codes, ReadOnlySpan<float> values, int count, float* to, Width width)
    {
        var i = 0;
        if (width == Width.Avx512)
        {
            var table = Vector512.Create(values);
            for (; i <= count - 16; i += 16)
                Avx512F.PermuteVar16x32(
                    table,
                    Nibbles(
                        Vector512.WidenLower(
                            Vector512.WidenLower(Vector512.WidenLower(Vector512.CreateScalarUnsafe(*(ulong*)(codes + i / 2)).AsByte())))))
                    .Store(to + i);
        }
        if (width >= Width.Avx2)
        {
            var (low, high) = (Vector256.Create(values), Vector256.Create(values[8..]));
            for (; i <= count - 8; i += 8)
            {
                var index = Nibbles(Avx2.ConvertToVector256Int64(Vector128.CreateScalarUnsafe(*(uint*)(codes + i / 2)).AsByte()));
                var upper = Avx2.ShiftLeftLogical(index, 28).AsSingle(); // bit 3, moved to where a blend reads
                Avx.BlendVariable(Avx2.PermuteVar8x32(low, index), Avx2.PermuteVar8x32(high, index), upper).Store(to + i);
            }
        }
        for (; i < count; i++) to[i] = values[Code(codes, i)];
    }

    // Half of each wide lane gets a byte's high nibble, the other half the whole byte, of which lookups use the low bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Nibbles(Vector512<ulong> bytes) => ((bytes >>> 4) | (bytes << 32)).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Nibbles(Vector256<long> bytes) => ((bytes >>> 4) | (bytes << 32)).AsInt32();

    private static void ToBFloat16(byte* codes, ReadOnlySpan<float> values, int count, ushort* to, Width width)
    {
        Span<ushort> table = stackalloc ushort[16];
        Round(values, table);
        var i = 0;
        if (width > Width.Scalar)
        {
            // A shuffle looks up bytes, so the low and the high halves of the values have a table each.
            var (first, second) = (Vector128.Create(table), Vector128.Create(table[8..]));
            var low = Vector128.Narrow(first & Vector128.Create((ushort)0xFF), second & Vector128.Create((ushort)0xFF));
            var high = Vector128.Narrow(first >>> 8, second >>> 8);
            for (; i <= count - 16; i += 16)
            {
                var bytes = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)(codes + i / 2)).AsByte());
                var index = (((bytes >>> 4) | (bytes << 8)) & Vector128.Create((ushort)0x0F0F)).AsByte();
                var (l, h) = (Ssse3.Shuffle(low, index), Ssse3.Shuffle(high, index));
                Sse2.UnpackLow(l, h).AsUInt16().Store(to + i);
                Sse2.UnpackHigh(l, h).AsUInt16().Store(to + i + 8);
            }
        }
        for (; i < count; i++) to[i] = table[Code(codes, i)];
    }

    private static void Round(ReadOnlySpan<float> values, Span<ushort> table)
    {
        fixed (float* from = values)
        fixed (ushort* to = table) BFloat16Rounding.Write(from, to, 16);
    }

    private static int Code(byte* codes, int i) => (i & 1) == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15;
}
