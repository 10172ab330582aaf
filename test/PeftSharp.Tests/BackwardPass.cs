using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Tests;

/// <summary>Backward passes as the program makes them.</summary>
internal static class BackwardPass
{
    /// <summary>
    /// Runs the backward pass of a scalar, throws what a custom function met in it, and lets go of what TorchSharp keeps of it: tests that
    /// count tensors run in the same process.
    /// </summary>
    public static void Backpropagate(this Tensor loss) => AutogradFailures.Backward(loss);
}
