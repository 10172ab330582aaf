using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// A result that backward passes compute again rather than keep: of a norm or a gate, which take a hundredth of the time of the maps that
/// read them, and as much memory as these. All readers of one backward pass share what is computed once.
/// </summary>
/// <remarks>Nothing writes into such a result: what is computed again would not know of it.</remarks>
internal sealed class RepeatableResult
{
    private static readonly ConditionalWeakTable<Tensor, RepeatableResult> Known = [];

    private readonly FusedOperation _operation;
    private Tensor? _value;

    private RepeatableResult(FusedOperation operation, Tensor[] inputs)
    {
        (_operation, Inputs) = (operation, inputs);
        Count = inputs.Length;
    }

    /// <summary>What it is computed from, in handles of whoever computed it.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Number of inputs.</summary>
    public int Count { get; }

    /// <summary>Remembers how a tensor was made.</summary>
    public static RepeatableResult Note(Tensor result, FusedOperation operation, Tensor[] inputs)
    {
        var noted = new RepeatableResult(operation, inputs);
        Known.Add(result, noted);
        return noted;
    }

    /// <summary>How the tensor was made; null if it is not known, or what it was made of has been let go of.</summary>
    public static RepeatableResult? Of(Tensor tensor) =>
        Known.TryGetValue(tensor, out var noted) && noted.Inputs.All(input => !input.IsInvalid) ? noted : null;

    /// <summary>Its value, which stays until <see cref="Release"/>.</summary>
    public Tensor Again(IReadOnlyList<Tensor> inputs) => _value ??= _operation.Repeat(inputs);

    /// <summary>No reader is left.</summary>
    public void Release()
    {
        _value?.Dispose();
        _value = null;
    }
}
