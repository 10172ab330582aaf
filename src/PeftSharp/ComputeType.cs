namespace PeftSharp;

/// <summary>
/// The precision of products with frozen weights; adapters, norms, softmax, loss and the residual stream are float32 in either.
/// </summary>
public enum ComputeType
{
    /// <summary>float32.</summary>
    Float32,
    /// <summary>bfloat16 weights and products: several times faster on processors with AVX-512 BF16 or AMX, useless elsewhere.</summary>
    BFloat16,
}
