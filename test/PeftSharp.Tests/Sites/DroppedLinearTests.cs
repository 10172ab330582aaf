using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

public sealed class DroppedLinearTests
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Equals_Dropout_And_Product_As_Two_Nodes(bool inputLearns, bool weightLearns)
    {
        using var scope = NewDisposeScope();
        var (x, w) = (randn([3, 7, 40]), randn([5, 40]));
        var (x1, w1) = (Leaf(x, inputLearns), Leaf(w, weightLearns));
        var (x2, w2) = (Leaf(x, inputLearns), Leaf(w, weightLearns));
        var one = DroppedLinear.Apply(x1, w1, 0.3, 11);
        var two = nn.functional.linear(DropoutMask.Apply(x2, 0.3, 11), w2);
        Bits.AssertClose(two, one, Rounding.Of(40), "The product");
        AutogradFailures.Backward(one.sin().sum());
        two.sin().sum().Backpropagate();
        Same(x1, x2);
        Same(w1, w2);
    }

    [Fact]
    public void Keeps_No_Tensor_Alive_When_Steps_Are_Over()
    {
        var (x, w) = (randn([3, 7, 40], requires_grad: true), randn([5, 40], requires_grad: true));
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++) Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        x.Dispose();
        w.Dispose();

        void Step()
        {
            using var scope = NewDisposeScope();
            AutogradFailures.Backward(DroppedLinear.Apply(x, w, 0.3, 11).sum());
        }
    }

    private static Tensor Leaf(Tensor value, bool learns) => value.detach().clone().requires_grad_(learns);

    private static void Same(Tensor a, Tensor b)
    {
        Assert.Equal(b.grad is null, a.grad is null);
        if (a.grad is { } gradient) Bits.AssertClose(b.grad!, gradient, Rounding.Of(40 * 21), "The gradient");
    }
}
