using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>Where an optimizer keeps its state.</summary>
internal interface IStateMemory : IDisposable
{
    /// <summary>
    /// Tensors of zeros for an optimizer that begins, in one request, so that what does not fit is refused before the first step. They live
    /// as long as the memory does.
    /// </summary>
    /// <param name="places">Name, shape and element type of each.</param>
    /// <exception cref="PeftException">There is no room.</exception>
    IReadOnlyDictionary<string, Tensor> Allocate(IReadOnlyList<StatePlace> places);

    /// <summary>True if state may have to come from a disk, so that it is worth saying what is needed next.</summary>
    bool IsPaged => false;

    /// <summary>Tensors of the state will be needed soon: what is paged out may begin to come back.</summary>
    void Expect(IReadOnlyList<Tensor> tensors) { }
}
