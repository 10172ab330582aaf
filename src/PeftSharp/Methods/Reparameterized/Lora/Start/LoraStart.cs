using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>Start values of the factors that follow from nothing but a seed.</summary>
internal static class LoraStart
{
    /// <summary>The first factor, [rank, width].</summary>
    public static Tensor A(string? kind, string path, int rank, long width, Func<string, ulong> seedOf)
    {
        var seed = seedOf($"{path}.lora_A");
        return kind switch
        {
            "gaussian" => Initial.Normal([rank, width], 1.0 / rank, seed),
            "orthogonal" => Orthogonal(path, rank, 0, width, seedOf).t().Times(0.1),
            _ => Initial.KaimingUniform([rank, width], seed),
        };
    }

    /// <summary>The second factor, [width, rank].</summary>
    public static Tensor B(string? kind, bool isZero, string path, int rank, long width, Func<string, ulong> seedOf)
    {
        if (kind == "orthogonal") return Orthogonal(path, rank, 1, width, seedOf).Times(0.1);
        return isZero ? zeros(width, rank) : Initial.KaimingUniform([width, rank], seedOf($"{path}.lora_B"));
    }

    // Both factors from one orthogonal matrix: every other row of Q for each, so that B·A starts at zero.
    private static Tensor Orthogonal(string path, int rank, int parity, long width, Func<string, ulong> seedOf)
    {
        if (rank % 2 != 0) throw new PeftException($"LORA: \"init_lora_weights\": \"orthogonal\" needs an even rank; \"r\" is {rank}.");
        var (q, _) = linalg.qr(Initial.Normal([rank, rank], 1, seedOf($"{path}.orthogonal")));
        var half = Arithmetic.Range(parity, rank, 2);
        return matmul(Initial.Normal([width, rank / 2], 1, seedOf($"{path}.orthogonal.{parity}")), q.index_select(0, half));
    }
}
