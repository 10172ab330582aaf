using PeftSharp.Interop;

namespace PeftSharp.Tests.Interop;

/// <summary>When the heap's holes are returned, told by what is resident at the end of each step.</summary>
public sealed class HeapGrowthTests
{
    private const long Megabyte = 1 << 20;

    private static List<int> Returns(IEnumerable<int> megabytes)
    {
        var growth = new HeapGrowth();
        return [.. megabytes.Select((size, step) => (Due: growth.IsDue(size * Megabyte), step)).Where(s => s.Due).Select(s => s.step)];
    }

    [Fact]
    public void Every_Twenty_Steps_Where_Nothing_Grows() => Assert.Equal([19, 39], Returns(Enumerable.Repeat(400, 45)));

    // A tenth of 400 and 16 beyond: 456.
    [Fact]
    public void At_Once_Where_It_Has_Grown_By_A_Tenth() => Assert.Equal([3], Returns([400, 420, 456, 457, 410, 450]));

    // The longest batch needs 500, which is known as soon as one follows a return.
    [Fact]
    public void Batches_Of_Unequal_Length_Are_Not_Taken_For_Growth() =>
        Assert.Equal([1, 21], Returns([400, 500, 500, .. Enumerable.Repeat((int[])[400, 500], 12).SelectMany(pair => pair)]));
}
