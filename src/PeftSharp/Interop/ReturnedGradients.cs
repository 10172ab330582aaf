using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>The gradients that a custom autograd function returned last on this thread.</summary>
/// <remarks>
/// Autograd takes references of its own to what a <c>backward</c> returns, but only after it has returned: the handles can go when the next
/// one is called, and when the pass is over. Kept longer, they would hold tensors of a layer's size.
/// </remarks>
internal static class ReturnedGradients
{
    [ThreadStatic] private static List<Tensor>? _last;

    /// <summary>Lets go of the handles; the first thing that a <c>backward</c> does.</summary>
    public static void Release()
    {
        foreach (var tensor in _last ?? []) tensor?.Dispose();
        _last = null;
    }

    /// <summary>What a <c>backward</c> returns: a gradient for each of its arguments, null for those that have none.</summary>
    public static List<Tensor> Hand(params Tensor?[] gradients) => _last = [.. gradients.Select(gradient => gradient!)];
}
