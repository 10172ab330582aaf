namespace PeftSharp.Runs.Estimates;

/// <summary>What a run leaves to the garbage collector, which comes late: until then it counts as memory held.</summary>
internal sealed class Garbage
{
    private const int Block = 1 << 13;

    private readonly long _allocated = GC.GetTotalAllocatedBytes();
    private readonly int _collections = GC.CollectionCount(0);

    /// <summary>
    /// Allocates as much as a longer run would have, a multiple of what has been since the start, but no more than until the collector
    /// comes.
    /// </summary>
    public void Continue(double times)
    {
        for (
            var left = times * (GC.GetTotalAllocatedBytes() - _allocated); left > 0 && GC.CollectionCount(0) == _collections; left -= Block)
            new byte[Block].AsSpan().Fill(1); // memory that is never written is never held
    }
}
