using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>
/// Dropout of a change of a weight in training, as LyCORIS has it: the whole change of a map, or rows of it (outputs), are left out.
/// </summary>
/// <param name="Rows">Probability of leaving a row out.</param>
/// <param name="Module">Probability of leaving the whole change out.</param>
/// <param name="Rescales">True divides by the share of rows that are left.</param>
/// <param name="Name">Seeds the draws.</param>
internal sealed record ChangeDropout(double Rows, double Module, bool Rescales, string Name)
{
    // So few rows are left that dividing by their share means nothing.
    private const double SmallestShare = 1e-6;

    /// <summary>The change's output, [rows, tokens, out], with what is left out at zero.</summary>
    public Tensor Apply(Tensor delta, ForwardContext context)
    {
        if (!context.Training) return delta;
        if (Module > 0 && Uniform(SeedSequence.Derive(context.Seed, $"{Name}.module")) < Module) return delta.Times(0.0);
        if (Rows == 0) return delta;
        var drawn = Initial.Uniform([delta.shape[^1]], 0.5, SeedSequence.Derive(context.Seed, $"{Name}.rows")).Plus(0.5);
        var kept = drawn.NotBelow(Rows).to(delta.dtype, delta.device);
        return delta * (Rescales ? kept / kept.mean().AtLeast(SmallestShare) : kept);
    }

    // The upper 53 bits as a number from 0 to below 1.
    private static double Uniform(ulong seed) => (seed >> 11) * Math.Pow(2, -53);
}
