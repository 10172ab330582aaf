using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>One tensor of an optimizer's state.</summary>
/// <param name="Name">Its name among them.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Type">float32 or float64, or uint8 for quantised numbers.</param>
/// <param name="Device">Where it is needed.</param>
internal sealed record StatePlace(string Name, long[] Shape, ScalarType Type, Device Device)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (all, size) => all * size);

    /// <summary>Bytes that it takes.</summary>
    public long Bytes => Count * PagedFile.Types[Type];
}
