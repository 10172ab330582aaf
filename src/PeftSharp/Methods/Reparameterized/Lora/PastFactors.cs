using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>The factors that a map has learnt before its last restart, beside each other: frozen, as if merged into the weight.</summary>
/// <param name="a">[sum of ranks, in]; taken over.</param>
/// <param name="b">[out, sum of ranks]; taken over.</param>
internal sealed class PastFactors(Tensor a, Tensor b) : IDisposable
{
    /// <summary>The first factors, [sum of ranks, in].</summary>
    public Tensor A => a;

    /// <summary>The second factors, [out, sum of ranks].</summary>
    public Tensor B => b;

    /// <summary>These and two more.</summary>
    public static PastFactors With(PastFactors? before, Tensor a, Tensor b)
    {
        using var guard = no_grad();
        Tensor Joined(Tensor? first, Tensor last, int dim) =>
            (first is null ? last.detach().clone() : cat([first, last.detach()], dim)).DetachFromDisposeScope();
        return new(Joined(before?.A, a, 0), Joined(before?.B, b, 1));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        a.Dispose();
        b.Dispose();
    }
}
