using System.Globalization;
using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>
/// Start values that are a share of the weight: its leading singular triplets (PiSSA, Meng et al. 2024, arXiv 2404.02948), the first
/// columns of its QR decomposition (OLoRA, Büyükakyüz 2024, arXiv 2406.01775), or what quantising leaves out (LoftQ, Li et al. 2023, arXiv
/// 2310.08659).
/// </summary>
internal static class SpectralStart
{
    private const string Rounds = "pissa_niter_";

    /// <summary>True for the names of such starts; <c>pissa_niter_N</c> takes N rounds of random projections.</summary>
    public static bool Is(string? kind) => kind is "pissa" or "olora" or "loftq" || RoundsOf(kind) is not null;

    /// <summary>The factors A [rank, in] and B [out, rank] of a weight, in the caller's dispose scope; scale · B·A is the share.</summary>
    public static (Tensor A, Tensor B) Of(string kind, Tensor weight, int rank, double scale, ulong seed)
    {
        if (kind != "olora")
        {
            var (u, s, vt) = RoundsOf(kind) is { } rounds
                ? Singular.Randomized(weight, rank, rounds, seed) : Singular.Leading(weight, rank);
            return Split(u, s, vt, scale);
        }
        var (q, r) = linalg.qr(weight);
        return (r.narrow(0, 0, rank), q.narrow(1, 0, rank));
    }

    /// <summary>
    /// The factors that make up best for what NF4 leaves out, and those of the round before (null in the first), which what is quantised
    /// lacks.
    /// </summary>
    public static (Tensor A, Tensor B, (Tensor A, Tensor B)? Before) Loftq(Tensor weight, int rank, double scale, LoftqOptions options)
    {
        (Tensor A, Tensor B)? before = null;
        for (var round = 1; ; round++)
        {
            var rest = before is { } factors ? weight.Plus(matmul(factors.B, factors.A), -scale) : weight;
            using var quantised = FourBitStore.Quantize(rest, options.BlockSize ?? FourBitCodec.DefaultBlock);
            var (u, s, vt) = Singular.Leading(weight.Plus(quantised.Dense().to(weight.dtype), -1), rank);
            var (a, b) = Split(u, s, vt, scale);
            if (round == options.Rounds) return (a, b, before);
            before = (a, b);
        }
    }

    // Each factor takes the root of the value, so that scale · B·A is the product.
    private static (Tensor A, Tensor B) Split(Tensor u, Tensor s, Tensor vt, double scale)
    {
        var root = s.Times(1 / scale).sqrt();
        return (root.unsqueeze(1) * vt, u * root);
    }

    private static int? RoundsOf(string? kind) =>
        kind?.StartsWith(Rounds, StringComparison.Ordinal) == true
        && int.TryParse(kind[Rounds.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var rounds) && rounds is > 0 and <= 1000
            ? rounds : null;
}
