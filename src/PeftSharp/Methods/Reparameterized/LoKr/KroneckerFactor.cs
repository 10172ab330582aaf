using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoKr;

/// <summary>One factor of a Kronecker product: a matrix, or a product of two of low rank.</summary>
/// <param name="Left">The matrix, [rows, columns]; or the first of the two, [rows, rank].</param>
/// <param name="Right">The second of the two, [rank, columns]; null where there is one matrix.</param>
internal sealed record KroneckerFactor(AdapterTensor Left, AdapterTensor? Right)
{
    /// <summary>The factor in a call, [rows, columns].</summary>
    public Tensor Get(ForwardContext context) => Right is null ? Left.Get(context) : matmul(Left.Get(context), Right.Get(context));

    /// <summary>
    /// A number as the product of two, the first no larger than the second: as near to <paramref name="factor"/> as LyCORIS comes, or near
    /// the square root where it is -1.
    /// </summary>
    public static (long Small, long Large) Split(long number, long factor)
    {
        if (factor > 0 && number % factor == 0) return (factor, number / factor);
        if (factor == -1) factor = number;
        var (small, large) = (1L, number);
        while (small < large)
        {
            var next = small + 1;
            while (number % next != 0) next++;
            if (next + number / next > 1 + number || next > factor) break;
            (small, large) = (next, number / next);
        }
        return small > large ? (large, small) : (small, large);
    }
}
