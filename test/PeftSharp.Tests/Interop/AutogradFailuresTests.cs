using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

public sealed class AutogradFailuresTests
{
    [Fact]
    public void Exception_In_Backward_Reaches_The_Caller_Once()
    {
        using var scope = NewDisposeScope();
        var x = ones([3], requires_grad: true);
        var e = Assert.Throws<InvalidOperationException>(() => AutogradFailures.Backward(Failing.apply(x).sum()));
        Assert.Equal("on purpose", e.Message);
        AutogradFailures.ThrowIfAny();
    }

    private sealed class Failing : autograd.SingleTensorFunction<Failing>
    {
        public override string Name => nameof(Failing);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).mul(2f);

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad) =>
            AutogradFailures.Guard<List<Tensor>>(() => throw new InvalidOperationException("on purpose"), () => [zeros_like(grad)]);
    }
}
