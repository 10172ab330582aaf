using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class SeededRandomTests
{
    [Fact]
    public void Generators_Equal_Their_Published_Sequences()
    {
        ulong state = 0;
        Assert.Equal(0xE220A8397B1DCDAF, SeededRandom.SplitMix64(ref state));
        Assert.Equal(0x6E789E6AA1B965F4UL, SeededRandom.SplitMix64(ref state));
        Assert.Equal(0x06C45D188009454FUL, SeededRandom.SplitMix64(ref state));
        var random = new SeededRandom(1, 2, 3, 4);
        Assert.Equal([11520, 0, 1509978240, 1215971899390074240], Enumerable.Range(0, 4).Select(_ => random.NextUInt64()));
    }

    // Changing these numbers changes every run of every user: a resumed run would see other batches.
    [Fact]
    public void Sequence_Is_Frozen()
    {
        var random = new SeededRandom(42);
        Assert.Equal([1546998764402558742UL, 6990951692964543102UL], new[] { random.NextUInt64(), random.NextUInt64() });
        int[] items = [.. Enumerable.Range(0, 8)];
        new SeededRandom(42, 1).Shuffle<int>(items);
        Assert.Equal([3, 7, 5, 6, 1, 4, 0, 2], items);
    }

    [Fact]
    public void Streams_And_Seeds_Differ()
    {
        var firsts = from seed in Enumerable.Range(0, 50)
                     from stream in Enumerable
            .Range(0, 50)
                     select new SeededRandom((ulong)seed, (ulong)stream)
            .NextUInt64();
        Assert.Equal(2500, firsts.Distinct().Count());
    }

    [Fact]
    public void Bounded_Draws_Are_Uniform()
    {
        var random = new SeededRandom(7);
        var counts = new int[6];
        for (var i = 0; i < 60_000; i++) counts[random.Next(6)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.InRange(random.NextDouble(), 0, 1 - 1e-16));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Next(0));
    }
}
