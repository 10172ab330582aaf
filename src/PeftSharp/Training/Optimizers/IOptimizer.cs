using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers;

/// <summary>Updates trained tensors from their gradients.</summary>
internal interface IOptimizer : IDisposable
{
    /// <summary>One update at this learning rate. A parameter without a gradient is left as it is.</summary>
    void Step(double learningRate);

    /// <summary>Drops the gradients.</summary>
    void ZeroGrad();

    /// <summary>Everything that an update depends on besides parameters and gradients, by name; the tensors are live.</summary>
    IReadOnlyDictionary<string, Tensor> State { get; }
}
