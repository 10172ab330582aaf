using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

public sealed class DropoutMaskTests
{
    [Theory]
    [InlineData(0.05)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void Keeps_The_Right_Share_And_Scales_It(double p)
    {
        using var scope = NewDisposeScope();
        const int n = 1 << 20;
        var mask = DropoutMask.Create([n], float32, p, seed: 7).data<float>().ToArray();
        Assert.All(mask.Distinct(), value => Assert.True(value == 0 || value == (float)(1 / (1 - p))));
        var deviation = (mask.Count(value => value != 0) - n * (1 - p)) / Math.Sqrt(n * p * (1 - p));
        Assert.InRange(deviation, -4, 4);
    }

    [Fact]
    public void Neighbours_Rows_Seeds_And_Sites_Are_Independent()
    {
        const int n = 1 << 18;
        var first = Kept(SeedSequence.Derive(1, "layer.0"));
        foreach (var lag in new[] { 1, 2, 3, 4, 8, 16, 64, 384, 768, 1024, 4096, 65536 })
            Assert.InRange(Correlation(first, [.. first[lag..], .. first[..lag]]), -4.5, 4.5);
        ulong[] others = [SeedSequence.Derive(1, "layer.1"), SeedSequence.Derive(2, "layer.0"), 0, 1, 2, 1ul << 32, ulong.MaxValue];
        foreach (var seed in others) Assert.InRange(Correlation(first, Kept(seed)), -4.5, 4.5);
        for (ulong seed = 0; seed < 6; seed++) Assert.InRange(Correlation(Kept(seed), Kept(seed + 1)), -4.5, 4.5);

        static bool[] Kept(ulong seed)
        {
            using var mask = DropoutMask.Create([n], float32, 0.5, seed);
            return [.. mask.data<float>().ToArray().Select(value => value != 0)];
        }

        // In standard deviations: agreements of two fair coins.
        static double Correlation(bool[] a, bool[] b) => (a.Zip(b).Count(pair => pair.First == pair.Second) - n / 2) / Math.Sqrt(n / 4.0);
    }

    [Fact]
    public void Bits_Depend_On_The_Seed_Alone_Not_On_Threads_Or_Type()
    {
        using var scope = NewDisposeScope();
        const int n = (1 << 17) + 13;
        var once = DropoutMask.Create([n], float32, 0.3, 5);
        var again = DropoutMask.Create([n], float32, 0.3, 5);
        Assert.True(Bits.Same(once, again));
        var half = DropoutMask.Create([n], bfloat16, 0.3, 5);
        Assert.True(Bits.Same(half, once.bfloat16()));
        Assert.True(Bits.Same(DropoutMask.Create([n], @bool, 0.3, 5).@float() * (float)(1 / 0.7), once));
        var x = randn(n);
        Assert.True(Bits.Same(DropoutMask.Apply(x, 0.3, 5) + 0, x * once + 0)); // no graph; + 0 for what -0 becomes
        Assert.True(Bits.Same(DropoutMask.Apply(x.detach().requires_grad_(), 0.3, 5) + 0, x * once + 0));
        Assert.True(
            Bits.Same(
                DropoutMask.Apply(x.view(-1, 1).expand(-1, 2).t(), 0.3, 5) + 0,
                stack([x, x]) * DropoutMask.Create([2, n], float32, 0.3, 5) + 0));
        var part = DropoutMask.Create([1009], float32, 0.3, 5);
        Assert.True(Bits.Same(part, once.narrow(0, 0, 1009)));
        // Pinned: a change of these bits changes every trained adapter.
        var pinned =
            string.Concat(DropoutMask.Create([64], float32, 0.5, 1).data<float>().ToArray().Select(value => value == 0 ? '0' : '1'));
        Assert.Equal(Pinned, pinned);
    }

    [Fact]
    public void Nothing_Lives_On_Where_No_Scope_Cleans_Up()
    {
        using var x = randn(3, 5);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        DropoutMask.Apply(x, 0.5, 1).Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private const string Pinned = "0100110001111011001110000111010000101001010101001001010001111000";

    [Fact]
    public void Gradient_Passes_Through_Kept_Elements_And_Zero_Returns_The_Input()
    {
        using var scope = NewDisposeScope();
        var x = randn([3, 50, 7], requires_grad: true);
        Assert.Same(x, DropoutMask.Apply(x, 0, 1));
        DropoutMask.Apply(x, 0.4, 9).sum().Backpropagate();
        Assert.True(Bits.Same(x.grad!, DropoutMask.Create([3, 50, 7], float32, 0.4, 9)));
        Assert.Throws<PeftException>(() => DropoutMask.Apply(x, 1, 1));
        Assert.Throws<PeftException>(() => DropoutMask.Apply(x, double.NaN, 1));
    }

    [Fact]
    public void Float64_Drops_The_Same_Elements_And_Scales_Exactly()
    {
        using var scope = NewDisposeScope();
        var x = randn([3, 50, 7], dtype: float64, requires_grad: true);
        var y = DropoutMask.Apply(x, 0.4, 9);
        y.sum().Backpropagate();
        var kept = DropoutMask.Create([3, 50, 7], ScalarType.Bool, 0.4, 9);
        Assert.InRange((y - where(kept, x / (1 - 0.4), zeros_like(x))).abs().max().item<double>(), 0, 1e-14);
        Assert.Equal(kept.sum().item<long>(), x.grad!.ne(0).sum().item<long>());
    }
}
