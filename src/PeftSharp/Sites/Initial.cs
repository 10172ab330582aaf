using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Start values of trained tensors: the same on every machine for the same seed.</summary>
public static class Initial
{
    /// <summary>N(0, deviation²), float32.</summary>
    public static Tensor Normal(long[] shape, double deviation, ulong seed)
    {
        using var generator = Seeded(seed);
        return zeros(shape, dtype: ScalarType.Float32).normal_(0, deviation, generator);
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
