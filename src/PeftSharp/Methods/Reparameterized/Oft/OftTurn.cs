using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Oft;

/// <summary>
/// Turns blocks of a linear map's input: x·R, R block-diagonal and orthogonal, each block made of a skew-symmetric Q by the Cayley
/// transform (Qiu et al. 2023, arXiv 2306.07280).
/// </summary>
/// <param name="upper">The numbers of each Q above its diagonal, row by row, [blocks, size · (size − 1) / 2].</param>
/// <param name="places">Their places in a matrix, row-major, int64.</param>
/// <param name="size">Rows of a block.</param>
/// <param name="options">The settings.</param>
internal sealed class OftTurn(AdapterTensor upper, Tensor places, long size, OftOptions options) : InputTurn
{
    protected override Tensor Turn(Tensor rows, bool back, ForwardContext context)
    {
        var numbers = upper.Get(context);
        // As in peft a gradient passes as if the numbers were these.
        if (options.Constrained) numbers = numbers.Plus(Constrain(numbers, options.Epsilon).Plus(numbers, -1).detach());
        var skew = Skew(numbers);
        var blocks = options.UseNeumann ? Cayley.Neumann(skew, options.NeumannTerms) : Cayley.Exact(skew);
        if (context.Training && options.ModuleDropout > 0)
            blocks = Cayley.Drop(blocks, options.ModuleDropout, SeedSequence.Derive(context.Seed, upper.Name));
        return Cayley.Turn(rows, blocks, back);
    }

    private Tensor Skew(Tensor numbers)
    {
        var blocks = numbers.shape[0];
        var empty = zeros([blocks, size * size], numbers.dtype, numbers.device);
        var half = empty.scatter(1, places.unsqueeze(0).expand(blocks, -1), numbers).view(blocks, size, size);
        return half.Plus(half.transpose(1, 2), -1);
    }

    /// <summary>The numbers of each Q shrunk where its norm is above eps / √blocks.</summary>
    public static Tensor Constrain(Tensor upper, double epsilon)
    {
        using var guard = no_grad();
        var largest = epsilon / Math.Sqrt(upper.shape[0]);
        // Each number stands in Q twice.
        var norms = upper.Squared().sum(1, keepdim: true).Times(2.0).sqrt();
        return upper * norms.AtLeast(largest).reciprocal().Times(largest);
    }

    /// <summary>Where the numbers above the diagonal stand in a matrix of this size, row by row.</summary>
    public static long[] Places(long size)
    {
        var places = new List<long>();
        for (var row = 0L; row < size; row++)
            for (var column = row + 1; column < size; column++) places.Add(row * size + column);
        return [.. places];
    }
}
