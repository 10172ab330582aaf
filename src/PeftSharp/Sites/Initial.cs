using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Start values of trained tensors: the same on every machine for the same seed.</summary>
internal static class Initial
{
    /// <summary>N(0, deviation²), float32.</summary>
    public static Tensor Normal(long[] shape, double deviation, ulong seed)
    {
        using var generator = Seeded(seed);
        return zeros(shape, dtype: ScalarType.Float32).normal_(0, deviation, generator);
    }

    /// <summary>N(0, deviation²) with draws beyond two deviations drawn again, float32.</summary>
    public static Tensor TruncatedNormal(long[] shape, double deviation, ulong seed)
    {
        using var generator = Seeded(seed);
        // The inverse of the distribution function maps a uniform draw between its values at ±2 to the truncated normal.
        const double Edge = 0.954499736103642; // erf(√2)
        var uniform = zeros(shape, dtype: ScalarType.Float64).uniform_(-Edge, Edge, generator);
        return uniform.erfinv().Times(Math.Sqrt(2) * deviation).to(ScalarType.Float32);
    }

    /// <summary>U(-bound, bound), float32.</summary>
    public static Tensor Uniform(long[] shape, double bound, ulong seed)
    {
        using var generator = Seeded(seed);
        return zeros(shape, dtype: ScalarType.Float32).uniform_(-bound, bound, generator);
    }

    /// <summary>Kaiming-uniform with a = √5, the start of PyTorch's linear layers: U(-1/√fanIn, 1/√fanIn), float32.</summary>
    public static Tensor KaimingUniform(long[] shape, ulong seed) => Uniform(shape, 1 / Math.Sqrt(shape[^1]), seed);

    private static Generator Seeded(ulong seed) => new(seed);
}
