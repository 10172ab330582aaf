using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>Where an optimizer keeps its state.</summary>
public interface IStateMemory : IDisposable
{
    /// <summary>
    /// Tensors of zeros for an optimizer that begins, in one request, so that what does not fit is refused before the first step. They live
    /// as long as the memory does.
    /// </summary>
    /// <param name="places">Name, shape and element type of each.</param>
    /// <exception cref="PeftException">There is no room.</exception>
    IReadOnlyDictionary<string, Tensor> Allocate(IReadOnlyList<StatePlace> places);
}
