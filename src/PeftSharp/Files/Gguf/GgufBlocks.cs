using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Files.Gguf;

/// <summary>
/// The blocks of a GGUF file as weights, bit for bit as ggml's reference dequantisation gives them: every product of a scale and a code is
/// rounded
/// to float32 once, and a minimum is taken away afterwards.
/// </summary>
internal static unsafe class GgufBlocks
{
    private const long Grain = 1 << 18; // weights per task

    // Weights between unpacking and rounding: a multiple of every block, small enough for the nearest cache.
    private const int Piece = 1024;

    /// <summary>Unpacks a whole tensor.</summary>
    /// <param name="type">How it is kept.</param>
    /// <param name="blocks">Its bytes, contiguous.</param>
    /// <param name="dense">Where the weights go: contiguous, float32, of the tensor's size.</param>
    public static void Decode(GgufType type, Tensor blocks, Tensor dense)
    {
        var (from, to, count) = ((nint)TensorPointer.Of(blocks), (nint)TensorPointer.Of(dense), dense.numel() / type.BlockSize);
        var each = Math.Max(1, Grain / type.BlockSize);
        Parallel.For(0, (count + each - 1) / each, part =>
        {
            var first = part * each;
            Decode(type, (byte*)from + first * type.BlockBytes, (float*)to + first * type.BlockSize, Math.Min(each, count - first));
        });
        GC.KeepAlive(blocks);
        GC.KeepAlive(dense);
    }

    /// <summary>Unpacks some blocks.</summary>
    /// <param name="type">How they are kept.</param>
    /// <param name="from">The first block.</param>
    /// <param name="to">Room for the weights.</param>
    /// <param name="count">Number of blocks.</param>
    public static void Decode(GgufType type, byte* from, float* to, long count)
    {
        var takeApart = GgufSuperBlocks.Of(type);
        if (takeApart != null)
        {
            var minima = GgufSuperBlocks.HasMinima(type);
            GgufCodes block;
            for (var i = 0L; i < count; i++)
            {
                takeApart(from + i * type.BlockBytes, &block);
                GgufSuperBlocks.Write(&block, minima, to + i * type.BlockSize);
            }
            return;
        }
        delegate*<byte*, float*, void> decode = type.Name switch
        {
            "Q4_0" => &GgufSmallBlocks.Q4,
            "Q4_1" => &GgufSmallBlocks.Q4WithMinimum,
            "Q5_0" => &GgufSmallBlocks.Q5,
            "Q5_1" => &GgufSmallBlocks.Q5WithMinimum,
            "Q8_0" => &GgufSmallBlocks.Q8,
            "F16" => &Half16,
            "BF16" => &BFloat16,
            _ => &Single,
        };
        for (var i = 0L; i < count; i++) decode(from + i * type.BlockBytes, to + i * type.BlockSize);
    }

    /// <summary>Unpacks some blocks to bfloat16, rounded to nearest even.</summary>
    public static void DecodeToBFloat16(GgufType type, byte* from, ushort* to, long count)
    {
        var values = stackalloc float[Piece];
        var each = Piece / type.BlockSize;
        for (var first = 0L; first < count; first += each)
        {
            var some = Math.Min(each, count - first);
            Decode(type, from + first * type.BlockBytes, values, some);
            BFloat16Rounding.Write(values, to + first * type.BlockSize, some * type.BlockSize);
        }
    }

    /// <summary>A 16-bit float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HalfAt(byte* from) => (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(from));

    /// <summary>Sixteen codes times a scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(Vector128<sbyte> codes, float scale, float* to)
    {
        var (low, high) = Vector128.Widen(codes);
        var (first, second) = Vector128.Widen(low);
        var (third, fourth) = Vector128.Widen(high);
        (Vector128.ConvertToSingle(first) * scale).Store(to);
        (Vector128.ConvertToSingle(second) * scale).Store(to + 4);
        (Vector128.ConvertToSingle(third) * scale).Store(to + 8);
        (Vector128.ConvertToSingle(fourth) * scale).Store(to + 12);
    }

    /// <summary>Sixteen codes times a scale, plus an offset; two roundings.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(Vector128<byte> codes, float scale, float offset, float* to)
    {
        var (low, high) = Vector128.Widen(codes.AsSByte());
        var (first, second) = Vector128.Widen(low);
        var (third, fourth) = Vector128.Widen(high);
        var added = Vector128.Create(offset);
        (Vector128.ConvertToSingle(first) * scale + added).Store(to);
        (Vector128.ConvertToSingle(second) * scale + added).Store(to + 4);
        (Vector128.ConvertToSingle(third) * scale + added).Store(to + 8);
        (Vector128.ConvertToSingle(fourth) * scale + added).Store(to + 12);
    }

    /// <summary>The low halves of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Low(Vector128<byte> bytes) => bytes & Vector128.Create((byte)0x0F);

    /// <summary>The high halves of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> High(Vector128<byte> bytes) => (bytes.AsUInt16() >>> 4).AsByte() & Vector128.Create((byte)0x0F);

    /// <summary>Sixteen where a byte has a bit of a mask, else nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Fifth(Vector128<byte> bytes, int mask) =>
        ~Vector128.Equals(bytes & Vector128.Create((byte)mask), Vector128<byte>.Zero) & Vector128.Create((byte)16);

    private static void Half16(byte* from, float* to) => *to = HalfAt(from);

    private static void BFloat16(byte* from, float* to) =>
        *to = BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(from) << 16);

    private static void Single(byte* from, float* to) => *to = Unsafe.ReadUnaligned<float>(from);
}
