using PeftSharp.Data;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>One trained tensor.</summary>
/// <param name="Name">Unique, stable name: the key of its optimizer state and of its place in a checkpoint.</param>
/// <param name="Value">The leaf tensor (float32, requires a gradient) that the optimizer updates in place.</param>
/// <param name="Decay">False for biases and norms, which weight decay leaves alone.</param>
public sealed record TrainableParameter(string Name, Tensor Value, bool Decay)
{
    /// <summary>What the learning rate is multiplied by for this tensor; above 0; default 1.</summary>
    public double RateFactor { get; init; } = 1;
}
