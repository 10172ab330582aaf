using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp;

/// <summary>The loss of a batch, and how much the batch counts where batches of different sizes make one step.</summary>
/// <param name="Mean">The mean over what is labelled, a scalar with its graph; 0 where nothing is.</param>
/// <param name="Weight">What the mean was taken over: labelled rows, tokens or spans; 0 or more. A step's gradient is that of Σ Weight ·
/// Mean / Σ Weight.</param>
public readonly record struct BatchLoss(Tensor Mean, double Weight)
{
    /// <summary>The same loss with something added to its mean: a method's penalty, say.</summary>
    public BatchLoss Plus(Tensor penalty) => this with { Mean = Mean.Plus(penalty) };

    /// <summary>The mean over what is labelled in both.</summary>
    public BatchLoss With(BatchLoss other)
    {
        var all = Weight + other.Weight;
        return all == 0 ? this : new(Mean.Times(Weight / all).Plus(other.Mean, other.Weight / all), all);
    }
}
