using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>Orthogonal matrices from skew-symmetric ones, [.., size, size].</summary>
internal static class Cayley
{
    /// <summary>(I − Q)·(I + Q)⁻¹, orthogonal but for rounding.</summary>
    public static Tensor Exact(Tensor skew)
    {
        var identity = Identity(skew);
        // Both are functions of Q, so their order does not matter.
        return linalg.solve(identity.Plus(skew), identity.Plus(skew, -1));
    }

    /// <summary>
    /// (I + Q)·(I − Q)⁻¹ as a sum of powers that is cut off: I + 2Q + 2Q² + … + Qⁿ⁻¹, as peft has it, for n = 2 I + 2Q and for n = 3 what n
    /// = 4 gives.
    /// </summary>
    /// <param name="skew">Q.</param>
    /// <param name="terms">n, 2 or more.</param>
    public static Tensor Neumann(Tensor skew, int terms)
    {
        var sum = Identity(skew).Plus(skew, 2);
        if (terms == 2) return sum;
        var power = matmul(skew, skew);
        sum = sum.Plus(power, 2);
        for (var exponent = 3; exponent < terms - 1; exponent++)
        {
            power = matmul(power, skew);
            sum = sum.Plus(power, 2);
        }
        return sum.Plus(matmul(power, skew));
    }

    /// <summary>
    /// Rows [.., blocks · size] times the block-diagonal matrix of <paramref name="blocks"/> [blocks, size, size]; one block serves all.
    /// </summary>
    /// <param name="rows">The rows.</param>
    /// <param name="blocks">The blocks.</param>
    /// <param name="transposed">True for the transposed matrix.</param>
    public static Tensor Turn(Tensor rows, Tensor blocks, bool transposed)
    {
        var size = blocks.shape[^1];
        var used = transposed ? blocks.transpose(-2, -1) : blocks;
        if (blocks.shape[0] == 1) return mm(rows.reshape(-1, size), used[0]).view(rows.shape);
        var parted = rows.reshape(-1, blocks.shape[0], size).transpose(0, 1);               // [blocks, all rows, size]
        return bmm(parted, used).transpose(0, 1).reshape(rows.shape);
    }

    /// <summary>Blocks [blocks, size, size] of which some, drawn by a seed, are the identity: peft's dropout of turns.</summary>
    /// <param name="blocks">The blocks.</param>
    /// <param name="share">Share of blocks that do nothing, rounded down to whole blocks.</param>
    /// <param name="seed">The seed.</param>
    public static Tensor Drop(Tensor blocks, double share, ulong seed)
    {
        var dropped = (long)(share * blocks.shape[0]);
        if (dropped == 0) return blocks;
        var order = Initial.Uniform([blocks.shape[0]], 1, seed).argsort().argsort();
        var kept = order.NotBelow(dropped).to(blocks.dtype, blocks.device).view(-1, 1, 1);
        return (blocks * kept).Plus(Identity(blocks) * kept.Complement());
    }

    private static Tensor Identity(Tensor like) => eye(like.shape[^1], dtype: like.dtype, device: like.device);
}
