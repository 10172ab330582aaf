using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PeftSharp.Files.Gguf;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>The way in which rows of blocks are multiplied with a row of inputs on this processor.</summary>
internal static unsafe class BlockProduct
{
    /// <summary>Instructions that a product may use; tests lower them to reach every path.</summary>
    internal enum Width { Any, Avx2, Avx512 }

    /// <summary>The widest that the processor has.</summary>
    internal static readonly Width Best =
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? Width.Avx512
        : Avx2.IsSupported && Fma.IsSupported ? Width.Avx2
        : Width.Any;

    /// <summary>
    /// A function of the first row, the bytes of a row, the number of rows, the inputs, their number and where the products go; null for
    /// blocks that have to be unpacked first.
    /// </summary>
    public static delegate*<byte*, long, long, float*, long, float*, void> Of(GgufType type, Width? width = null) => type.Name switch
    {
        "Q4_0" => (width ?? Best) == Width.Avx512 ? &FourBitRows.Wide<MiddleBlock> : Of<MiddleBlock>(width ?? Best),
        "Q4_1" => (width ?? Best) == Width.Avx512 ? &FourBitRows.Wide<MinimumBlock> : Of<MinimumBlock>(width ?? Best),
        "Q8_0" => Of<ByteBlock>(width ?? Best),
        _ => null,
    };

    private static delegate*<byte*, long, long, float*, long, float*, void> Of<T>(Width width) where T : struct, IBlock => width switch
    {
        Width.Avx512 => &BlockRows.Wide<T>,
        Width.Avx2 => &BlockRows.Narrow<T>,
        _ => &BlockRows.Plain<T>,
    };
}
