using PeftSharp.Interop;

namespace PeftSharp.Tests.Interop;

public sealed class SeedSequenceTests
{
    [Fact]
    public void Seeds_Are_Pinned()
    {
        Assert.Equal(12035550249420947055ul, SeedSequence.Derive(0, 0));
        Assert.Equal(17501559731147772889ul, SeedSequence.Derive(42, "layer.0.dropout"));
    }

    [Fact]
    public void Seeds_Do_Not_Collide()
    {
        var seeds = from seed in Enumerable.Range(0, 50)
                    from n in Enumerable.Range(0, 200)
                    from derived in new[] { SeedSequence.Derive((ulong)seed, (ulong)n), SeedSequence.Derive((ulong)seed, $"site.{n}") }
                    select derived;
        Assert.Equal(20_000, seeds.Distinct().Count());
    }
}
