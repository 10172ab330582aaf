using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop.Kernels;

/// <summary>Single entries of a product, and single entries of a table, are those of the whole.</summary>
public sealed class EntryDotsTests
{
    // Below, at and beyond a stretch of tokens; few entries, which are computed one by one, and many, which are not.
    [Theory]
    [InlineData(1, 3)]
    [InlineData(7, 40)]
    [InlineData(256, 40)]
    [InlineData(257, 100)]
    [InlineData(700, 100)]
    [InlineData(700, 3000)]
    [InlineData(5, 0)]
    public void Entries_Are_Those_Of_The_Whole_Product(int tokens, int count)
    {
        using var scope = NewDisposeScope();
        var (gradient, x) = (randn(tokens, 90, dtype: ScalarType.Float64).narrow(1, 11, 70), randn(tokens, 50, dtype: ScalarType.Float64));
        var entries = randperm(70 * 50).narrow(0, 0, count).sort().Values;
        var expected = gradient.t().matmul(x).reshape(-1).index_select(0, entries);
        Near(expected, EntryDots.Of(gradient, x, entries), 1e-13);
        Near(expected, EntryDots.Of(gradient.to(ScalarType.Float32), x.to(ScalarType.Float32), entries), 1e-5);
    }

    [Fact]
    public void Entries_Do_Not_Depend_On_The_Number_Of_Threads()
    {
        using var scope = NewDisposeScope();
        var before = get_num_threads();
        var (gradient, x) = (randn(300, 200), randn(300, 200));
        var entries = randperm(40_000).narrow(0, 0, 1900).sort().Values;
        try
        {
            set_num_threads(1);
            var one = EntryDots.Of(gradient, x, entries);
            set_num_threads(3);
            Assert.Equal(one.data<float>().ToArray(), EntryDots.Of(gradient, x, entries).data<float>().ToArray());
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void A_Table_With_Other_Entries_Is_Looked_Up_As_Its_Copy_Is(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var table = randn(20, 6, dtype: type);
        long[] ids = [3, 19, 3, 0, 7];
        // Of the first row, the last, one that is not looked up, and two of one that is looked up twice.
        long[] places = [0, 18, 23, 30, 119];
        var entries = tensor(places);
        Tensor Leaf() => arange(5).to(type).detach().requires_grad_(true);
        var (own, copied) = (Leaf(), Leaf());
        var expected = table.reshape(-1).scatter(0, entries, copied).reshape(20, 6).index_select(0, tensor(ids));
        var found = new PatchedLookup(table, entries, ids).Of(own);
        Near(expected, found, 0);
        var weights = randn_like(expected);
        (expected * weights).sum().Backpropagate();
        AutogradFailures.Backward((found * weights).sum());
        Near(copied.grad!, own.grad!, 1e-6);
        Assert.Equal(0, own.grad!.narrow(0, 3, 1).to(ScalarType.Float64).item<double>());
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        if (expected.numel() == 0) return;
        var wide = expected.to(ScalarType.Float64);
        var (error, size) = (wide.sub(actual.to(ScalarType.Float64)).abs().max().item<double>(), wide.abs().max().item<double>());
        Assert.True(error <= tolerance * size, $"{error} of {size}");
    }
}
