using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>
/// Rotary positions (Su et al. 2021, arXiv 2104.09864): each pair of a head's numbers is turned by an angle that grows with the position.
/// </summary>
/// <remarks>Number i is paired with number i + headDim / 2, as Hugging Face stores its weights.</remarks>
internal sealed class Rotary(RotaryScaling scaling)
{
    /// <summary>Cosines and sines of one call, each [rows or 1, 1, tokens, numbers that are turned].</summary>
    public readonly record struct Angles(Tensor Cos, Tensor Sin);

    /// <summary>The angles of positions, int64 [rows or 1, tokens].</summary>
    /// <param name="positions">One a token.</param>
    /// <param name="length">Longest sequence of the call, which dynamic scaling looks at.</param>
    /// <param name="type">Element type of the result.</param>
    public Angles At(Tensor positions, long length, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var frequencies = tensor(scaling.Frequencies(length), dtype: ScalarType.Float64, device: positions.device);
        var half = positions.to(ScalarType.Float64).unsqueeze(-1) * frequencies; // [rows, tokens, headDim / 2]
        var angles = cat([half, half], -1).unsqueeze(1);
        Tensor Scaled(Tensor x) => (scaling.AttentionFactor == 1 ? x : x.Times(scaling.AttentionFactor)).to(type).MoveToOuterDisposeScope();
        return new(Scaled(angles.cos()), Scaled(angles.sin()));
    }

    /// <summary>
    /// Turns queries or keys, [rows, heads, tokens, headDim]; where angles are for fewer numbers, the first of each head.
    /// </summary>
    public static Tensor Apply(Tensor x, Angles angles)
    {
        if (FusedOperation.Fits(x)) return Rotation.Of(x, angles.Cos, angles.Sin);
        var (width, turned) = (x.shape[3], angles.Cos.shape[3]);
        if (turned == width) return Turn(x, angles);
        return cat([Turn(x.narrow(3, 0, turned), angles), x.narrow(3, turned, width - turned)], -1);
    }

    private static Tensor Turn(Tensor x, Angles angles)
    {
        var half = x.shape[3] / 2;
        var turned = cat([x.narrow(3, half, half).neg(), x.narrow(3, 0, half)], -1);
        return (x * angles.Cos).Plus(turned * angles.Sin);
    }
}
