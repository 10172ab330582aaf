using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PeftSharp.Files.Gguf;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>
/// Products of rows of blocks of 256 weights with rows of inputs. A block is taken apart into bytes once for all inputs; no weight is
/// written as a number of its own.
/// </summary>
internal static unsafe class CodeRows
{
    /// <summary>Multiplies rows.</summary>
    /// <param name="type">How the weights are kept: one of those that <see cref="GgufSuperBlocks.Of"/> knows.</param>
    /// <param name="blocks">The first row; the others follow it.</param>
    /// <param name="rows">How many.</param>
    /// <param name="x">The inputs, one row after the other.</param>
    /// <param name="count">Rows of inputs, at most <see cref="FewRows.Most"/>.</param>
    /// <param name="columns">Numbers of a row of inputs, a multiple of 256.</param>
    /// <param name="y">Where the products with the first row of inputs go, one behind the other.</param>
    /// <param name="stride">Numbers from there to where those with the next go.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        GgufType type, byte* blocks, long rows, float* x, int count, long columns, float* y, long stride)
    {
        var takeApart = GgufSuperBlocks.Of(type);
        var minima = GgufSuperBlocks.HasMinima(type);
        var sums = stackalloc Vector256<float>[(int)FewRows.Most];
        GgufCodes block;
        for (var row = 0L; row < rows; row++)
        {
            for (var i = 0; i < count; i++) sums[i] = Vector256<float>.Zero;
            for (var at = 0L; at < columns; at += GgufCodes.Size, blocks += type.BlockBytes)
            {
                takeApart(blocks, &block);
                for (var i = 0; i < count; i++) sums[i] += Products(&block, minima, x + i * columns + at);
            }
            for (var i = 0; i < count; i++) y[i * stride + row] = Vector256.Sum(sums[i]);
        }
    }

    // Of 256 weights with as many inputs, added up by eights.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Products(GgufCodes* block, bool minima, float* x)
    {
        var (sums, added) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (var group = 0; group < GgufCodes.Size / GgufCodes.Group; group++)
        {
            var codes = block->Codes + GgufCodes.Group * group;
            var inputs = x + GgufCodes.Group * group;
            Vector256<float> low = Vector256.Load(inputs), high = Vector256.Load(inputs + 8);
            var products = Vector256.FusedMultiplyAdd(RowDots.Signed(codes + 8), high, RowDots.Signed(codes) * low);
            sums = Vector256.FusedMultiplyAdd(products, Vector256.Create(block->Scales[group]), sums);
            if (minima) added = Vector256.FusedMultiplyAdd(low + high, Vector256.Create(block->Minima[group]), added);
        }
        return sums + added;
    }
}
