namespace PeftSharp.Benchmarks;

/// <summary>Looks at the C library's heap every millisecond, so that what lives within a phase is seen and not only what is left.</summary>
internal sealed class HeapWatch : IDisposable
{
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private bool _ended;
    private long _most;

    public HeapWatch()
    {
        _thread = new Thread(Look) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Most bytes that were in use at once since the last call.</summary>
    public long TakeMost()
    {
        lock (_gate)
        {
            var most = Math.Max(_most, NativeHeapUse.Now.Used);
            _most = 0;
            return most;
        }
    }

    /// <summary>Ends the looking.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _ended, true);
        _thread.Join();
    }

    private void Look()
    {
        while (!Volatile.Read(ref _ended))
        {
            lock (_gate) _most = Math.Max(_most, NativeHeapUse.Now.Used);
            Thread.Sleep(1);
        }
    }
}
