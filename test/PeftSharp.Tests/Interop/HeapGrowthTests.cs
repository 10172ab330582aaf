using PeftSharp.Interop;

namespace PeftSharp.Tests.Interop;

/// <summary>When the heap's holes are returned, told by what is resident at the end of each step.</summary>
public sealed class HeapGrowthTests
{
    private const long Megabyte = 1 << 20;

    // Steps after which holes are returned, each step as long as so many returns.
    private static List<int> Returns(IEnumerable<int> megabytes, int stepTakes = 1)
    {
        var (growth, cost, since) = (new HeapGrowth(), TimeSpan.FromMilliseconds(5), 0);
        List<int> returns = [];
        foreach (var (step, size) in megabytes.Index())
        {
            since += stepTakes;
            if (!growth.IsDue(size * Megabyte, since * cost, cost)) continue;
            returns.Add(step);
            since = 0;
        }
        return returns;
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

    [Theory]
    [InlineData(200, new[] { 0, 1, 2, 3, 4 })]
    [InlineData(100, new[] { 1, 3 })]
    [InlineData(10, new int[0])]
    public void As_Often_As_Steps_Are_Long_Beside_A_Return(int stepTakes, int[] expected) =>
        Assert.Equal(expected, Returns(Enumerable.Repeat(400, 5), stepTakes));
}
