using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Carries exceptions out of custom autograd functions: one that crosses libtorch's frames ends the process.</summary>
/// <remarks>
/// A <c>backward</c> does its work in <see cref="Guard{T}"/>; whoever runs the backward pass does it with <see cref="Backward"/>.
/// On the CPU libtorch calls <c>backward</c> on the thread that started the pass, so that passes on other threads don't see each
/// other's failures; what fails on a thread of libtorch's own is seen by the next check on any thread.
/// </remarks>
internal static class AutogradFailures
{
    [ThreadStatic] private static bool _inPass;
    [ThreadStatic] private static Exception? _failure;
    private static readonly ConcurrentQueue<Exception> Elsewhere = new();

    /// <summary>
    /// Runs <paramref name="body"/>; if it throws, remembers the exception and returns what <paramref name="fallback"/> gives.
    /// </summary>
    public static T Guard<T>(Func<T> body, Func<T> fallback)
    {
        try
        {
            return body();
        }
        catch (Exception e)
        {
            if (!_inPass) Elsewhere.Enqueue(e);
            else _failure ??= e;
            return fallback();
        }
    }

    /// <summary>Runs the backward pass of a scalar, then throws what a custom function met in it.</summary>
    public static void Backward(Tensor loss)
    {
        var outer = _inPass;
        _inPass = true;
        try
        {
            loss.backward();
        }
        finally
        {
            _inPass = outer;
            if (!outer) ReturnedGradients.Release();
        }
        ThrowIfAny();
    }

    /// <summary>Throws the first remembered exception, with its own stack trace, and forgets it.</summary>
    public static void ThrowIfAny()
    {
        var failure = _failure;
        _failure = null;
        if (failure is null) Elsewhere.TryDequeue(out failure);
        if (failure is not null) ExceptionDispatchInfo.Throw(failure);
    }
}
