using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>State in the machine's memory.</summary>
internal sealed class WorkingMemory : IStateMemory
{
    private readonly List<Tensor> _tensors = [];

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Allocate(IReadOnlyList<StatePlace> places)
    {
        using var scope = NewDisposeScope();
        var made = places.ToDictionary(p => p.Name, p => zeros(p.Shape, dtype: p.Type, device: p.Device).DetachFromDisposeScope());
        _tensors.AddRange(made.Values);
        return made;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _tensors) tensor.Dispose();
        _tensors.Clear();
    }
}
