using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Losses, computed in float64: they are tiny, and their gradients cancel (a shift of all logits changes nothing).</summary>
internal static class Losses
{
    /// <summary>Mean cross-entropy of logits [examples, classes] against class indices [examples]; index -100 is left out.</summary>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels) =>
        nn.functional.cross_entropy(logits.to(ScalarType.Float64), labels, ignore_index: -100).to(logits.dtype);

    /// <summary>Mean squared error of predictions [examples] against targets [examples].</summary>
    public static Tensor MeanSquare(Tensor predictions, Tensor targets) =>
        nn.functional.mse_loss(predictions.to(ScalarType.Float64), targets.to(ScalarType.Float64)).to(predictions.dtype);
}
