using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

public sealed class DispatcherTests
{
    [Fact]
    public void Pinned_Libtorch_Is_Callable_And_Its_Fused_Optimizer_Works()
    {
        Assert.True(Dispatcher.Available);
        Assert.True(FusedAdamW.Native);
    }

    [Fact]
    public void Call_Records_A_Graph_And_Keeps_No_Handle()
    {
        using var scope = NewDisposeScope();
        var a = tensor([1f, 2f, 3f], requires_grad: true);
        Span<ulong> stack = [Dispatcher.Of(a), Dispatcher.Of(a)];
        Dispatcher.Call("aten::mul", "Tensor", stack);
        Dispatcher.Take(stack[0]).sum().backward();
        Assert.Equal([2f, 4f, 6f], a.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Unknown_Operator_Is_Refused()
    {
        using var quiet = new SilentStandardError(); // libtorch writes its reason there, with a stack
        var e = Assert.Throws<PeftException>(() => Dispatcher.Call("aten::no_such_operator", "", [0]));
        Assert.Contains("aten::no_such_operator", e.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Managed_AdamW_Equals_The_Fused_One(int size)
    {
        using var scope = NewDisposeScope();
        var start = randn(3, size);
        Tensor[][] sides = [Fresh(), Fresh()];
        var settings = new AdamWSettings(3e-3, 0.9, 0.98, 1e-8, 0.05);
        for (var step = 1; step <= 20; step++)
        {
            var gradient = randn(3, size);
            var count = tensor((float)step);
            FusedAdamW.Step([sides[0][0]], [gradient], [sides[0][1]], [sides[0][2]], [count], settings);
            FusedAdamW.StepManaged([sides[1][0]], [gradient], [sides[1][1]], [sides[1][2]], [count], settings);
        }
        foreach (var (native, managed) in sides[0].Zip(sides[1]))
            Matrix.Bits.AssertClose(native, managed, Rounding.Of(20), "What twenty steps made");

        Tensor[] Fresh() => [start.clone(), zeros(3, size), zeros(3, size)];
    }
}
