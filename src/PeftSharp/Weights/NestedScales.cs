using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>What restores quantised scales: scale = map[code] · nested scale + offset.</summary>
internal sealed class NestedScales(Tensor scales, Tensor map, float offset) : IDisposable
{
    private static readonly Lazy<Tensor> Standard = new(() => tensor(DoubleQuantization.Map.ToArray()).DetachFromDisposeScope());

    /// <summary>The usual map, one for all stores.</summary>
    public static Tensor StandardMap => Standard.Value;

    /// <summary>float32, one per 256 scales.</summary>
    public Tensor Scales { get; } = scales;

    /// <summary>float32, [256]; <see cref="StandardMap"/> wherever it equals that.</summary>
    public Tensor Map { get; } = map;

    /// <summary>Mean of the scales.</summary>
    public float Offset { get; } = offset;

    public long Bytes => (Scales.NumberOfElements + 1 + (ReferenceEquals(Map, StandardMap) ? 0 : Map.NumberOfElements)) * sizeof(float);

    public void Dispose()
    {
        Scales.Dispose();
        if (!ReferenceEquals(Map, StandardMap)) Map.Dispose();
    }
}
