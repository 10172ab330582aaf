namespace PeftSharp.Sites;

/// <summary>Counts the calls that use something, so that it is released after the last of them and not under their feet.</summary>
internal sealed class UseCount
{
    private const int Closed = 1 << 30;
    private int _state; // calls under way; Closed is added once no more may begin
    private Action? _release;

    /// <summary>True once <see cref="Close"/> was called.</summary>
    public bool IsClosed => (Volatile.Read(ref _state) & Closed) != 0;

    /// <summary>Begins a use; false once it is closed.</summary>
    public bool TryEnter()
    {
        var seen = Volatile.Read(ref _state);
        while ((seen & Closed) == 0)
        {
            var before = Interlocked.CompareExchange(ref _state, seen + 1, seen);
            if (before == seen) return true;
            seen = before;
        }
        return false;
    }

    /// <summary>Ends a use.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _state) == Closed) _release!();
    }

    /// <summary>Lets no use begin any more. What releases the thing runs once, after the last use: now, if none is under way.</summary>
    public void Close(Action release)
    {
        if (Interlocked.CompareExchange(ref _release, release, null) is not null) return;
        if (Interlocked.Or(ref _state, Closed) == 0) release();
    }
}
