using System.Runtime.Intrinsics;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>
/// Blocks of 32 weights that begin with a half-precision scale, perhaps a minimum behind it, and are multiplied as they lie.
/// </summary>
internal unsafe interface IBlock
{
    /// <summary>Bytes of a block, at least 4.</summary>
    static abstract int Bytes { get; }

    /// <summary>Adds the products of a block with 32 inputs to two rows of sums (AVX-512).</summary>
    /// <param name="block">The block.</param>
    /// <param name="scales">Its first two half-precision numbers as float32.</param>
    /// <param name="x">The first sixteen inputs.</param>
    /// <param name="y">The others.</param>
    /// <param name="a">Sums.</param>
    /// <param name="b">More sums.</param>
    static abstract void Add(
        byte* block, float* scales, Vector512<float> x, Vector512<float> y, ref Vector512<float> a, ref Vector512<float> b);

    /// <summary>Adds the products of a block with 32 inputs to sums (AVX2).</summary>
    /// <param name="block">The block.</param>
    /// <param name="scales">Its first two half-precision numbers as float32.</param>
    /// <param name="x">The inputs.</param>
    /// <param name="total">Sums of every eighth of them.</param>
    /// <param name="sums">The sums.</param>
    static abstract void Add(byte* block, float* scales, float* x, Vector256<float> total, ref Vector256<float> sums);

    /// <summary>The product of a row with its inputs, on any processor.</summary>
    /// <param name="blocks">The row.</param>
    /// <param name="x">The inputs.</param>
    /// <param name="columns">How many.</param>
    static abstract float Row(byte* blocks, float* x, long columns);
}
