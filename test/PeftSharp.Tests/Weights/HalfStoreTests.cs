using PeftSharp.Interop;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

public sealed class HalfStoreTests
{
    [Fact]
    public void A_merged_weight_outlives_the_scope_that_it_was_computed_in()
    {
        LibTorch.EnsureLoaded();
        var store = new HalfStore(ones([3, 2], ScalarType.BFloat16));
        WeightStore merged;
        using (NewDisposeScope()) merged = store.Like(full([3, 2], 0.5f));
        Assert.Equal(3.0f, merged.Dense().sum().item<float>());
    }
}
