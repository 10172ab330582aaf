using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Vera;

/// <summary>
/// The shared projections, drawn as peft draws them: one after the other from one generator on the CPU, U(-√(6 / columns), √(6 / columns)).
/// </summary>
internal static class VeraProjections
{
    /// <summary>A [rank, widest in] and B [widest out, rank], float32.</summary>
    public static (Tensor A, Tensor B) Draw(long rank, long widestIn, long widestOut, long key)
    {
        using var generator = new Generator((ulong)key);
        Tensor Next(long rows, long columns)
        {
            var bound = Math.Sqrt(3) * (Math.Sqrt(2) / Math.Sqrt(columns));
            return zeros(rows, columns, dtype: ScalarType.Float32).uniform_(-bound, bound, generator);
        }
        var a = Next(rank, widestIn);
        return (a, Next(widestOut, rank));
    }
}
