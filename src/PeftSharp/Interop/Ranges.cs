using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Splits a count over libtorch's own threads: a second pool would compete with them for the cores.</summary>
internal static unsafe class Ranges
{
    /// <summary>
    /// Calls <paramref name="body"/>, which must not throw, with [from, to) pieces that cover [0, count), none below
    /// <paramref name="grain"/> unless it is the only one.
    /// </summary>
    public static void ForEach(long count, long grain, Action<long, long> body)
    {
        var pieces = (int)Math.Clamp(count / grain, 1, get_num_threads());
        if (pieces == 1)
        {
            body(0, count);
            return;
        }
        var handle = GCHandle.Alloc(body);
        try
        {
            if (!Dispatcher.TryParallelFor(count, (count + pieces - 1) / pieces, &Run, (void*)GCHandle.ToIntPtr(handle)))
                Parallel.For(0, pieces, i => body(count * i / pieces, count * (i + 1) / pieces));
        }
        finally
        {
            handle.Free();
        }
    }

    [UnmanagedCallersOnly]
    private static void Run(long from, long to, void* body) => ((Action<long, long>)GCHandle.FromIntPtr((nint)body).Target!)(from, to);
}
