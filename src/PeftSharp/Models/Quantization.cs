using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>How the frozen weights of a model's layers are kept in few bits: as NF4, FP4 or INT8.</summary>
public abstract record Quantization
{
    private const string Double = "-double";

    private protected Quantization() { }

    /// <summary>What <see cref="Named"/> takes.</summary>
    public static IReadOnlyList<string> Names { get; } = ["nf4", "nf4" + Double, "fp4", "fp4" + Double, "int8"];

    /// <summary>The form in a word: <c>nf4</c>, <c>fp4</c> or <c>int8</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The form for a machine's report: <c>nf4/64</c>, <c>fp4/128 double</c>, <c>int8</c>.</summary>
    internal abstract string Short { get; }

    /// <summary>The form for a reader: <c>nf4 in blocks of 64, scales quantised</c>.</summary>
    internal abstract string Text { get; }

    /// <summary>Bytes for each weight, scales included, in large weights.</summary>
    public abstract double BytesPerWeight { get; }

    /// <summary>Quantises a weight, [out, in], which stays the caller's.</summary>
    /// <exception cref="PeftException">Its shape is another, or a weight is not finite.</exception>
    public abstract PackedStore Quantize(Tensor dense);

    /// <summary>The form that a name asks for; null where it is none of <see cref="Names"/>.</summary>
    /// <param name="name">The name.</param>
    /// <param name="block">Weights that share a scale, of four bits.</param>
    /// <param name="twice">True quantises the scales too, of four bits, as <c>-double</c> after the name does.</param>
    public static Quantization? Named(string? name, int block = FourBitCodec.DefaultBlock, bool twice = false) => name switch
    {
        "nf4" or "nf4" + Double => new Nf4Options(block, twice || name.EndsWith(Double, StringComparison.Ordinal)),
        "fp4" or "fp4" + Double => new Fp4Options(block, twice || name.EndsWith(Double, StringComparison.Ordinal)),
        "int8" => new Int8Options(),
        _ => null,
    };

    /// <summary>The form of a store; null where it is kept in another way.</summary>
    internal static Quantization? Of(WeightStore store) => store switch
    {
        FourBitStore four when four.Code == FourBitCode.Nf4 => new Nf4Options(four.BlockSize, four.IsDouble),
        FourBitStore four => new Fp4Options(four.BlockSize, four.IsDouble),
        Int8Store => new Int8Options(),
        _ => null,
    };
}
