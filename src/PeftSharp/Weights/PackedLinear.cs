using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>x·Wᵀ as one node of the graph that keeps the packed weight, not a dense one, for the backward pass.</summary>
internal sealed class PackedLinear : autograd.SingleTensorFunction<PackedLinear>
{
    public override string Name => nameof(PackedLinear);

    public static Tensor Apply(Tensor x, PackedProduct product, Tensor? bias, ScalarType result)
    {
        var call = new Call(product, bias, x.dtype, result);
        var y = CustomNode.Apply(() => apply(x, call));
        call.Output?.Dispose(); // a second handle to what y holds
        return y;
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, call) = ((Tensor)vars[0], (Call)vars[1]);
        ctx.save_data("call", call);
        return call.Output = call.Product.Multiply(x, call.Bias, call.Result);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ReturnedGradients.Release();
        var call = (Call)ctx.get_data("call");
        var result = AutogradFailures.Guard<Tensor?>(() => call.Product.MultiplyBack(grad_output, call.Input).DetachFromDisposeScope(),
            () => null);
        grad_output.Dispose();
        return ReturnedGradients.Hand(result, null);
    }

    // An object, so that autograd does not take the frozen bias for an input.
    private sealed class Call(PackedProduct product, Tensor? bias, ScalarType input, ScalarType result)
    {
        public PackedProduct Product { get; } = product;

        public Tensor? Bias { get; } = bias;

        public ScalarType Input { get; } = input;

        public ScalarType Result { get; } = result;

        public Tensor? Output { get; set; }
    }
}
