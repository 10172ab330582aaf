using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace PeftSharp.Quantization;

/// <summary>Where custom gradients put their failures: an exception that left one would kill the process.</summary>
/// <remarks>
/// Whoever calls <c>backward</c> calls <see cref="ThrowIfAny"/> after it, before the gradients are used. A backward pass
/// may run on other threads, so the place is one for the process; the first failure is kept.
/// </remarks>
public static class AutogradFailures
{
    private static ExceptionDispatchInfo? _first;

    /// <summary>Throws the first failure since the last call, if there was one; the gradients are then wrong and to be dropped.</summary>
    public static void ThrowIfAny()
    {
        if (_first is not null) Interlocked.Exchange(ref _first, null)?.Throw();
    }

    /// <summary>Computes a gradient; if that fails, keeps the exception and returns null, which autograd takes for zeros.</summary>
    internal static Tensor? Guard(Func<Tensor> gradient)
    {
        try
        {
            return gradient();
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _first, ExceptionDispatchInfo.Capture(e), null);
            return null;
        }
    }
}
