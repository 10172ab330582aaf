using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Quantization;

/// <summary>x·Wᵀ as one node of the graph that keeps the four-bit store, not a dense weight, for the backward pass.</summary>
internal sealed class Nf4Linear : autograd.SingleTensorFunction<Nf4Linear>
{
    [ThreadStatic] private static Tensor? _returned;

    public override string Name => nameof(Nf4Linear);

    public static Tensor Apply(Tensor x, Nf4Store store, Tensor? bias)
    {
        var call = new Call(store, bias);
        var y = apply(x, call);
        call.Output?.Dispose(); // a second handle to what y holds
        return y;
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, call) = ((Tensor)vars[0], (Call)vars[1]);
        ctx.save_data("store", call.Store);
        return call.Output = call.Store.Multiply(x, call.Bias);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        // Autograd took its own reference to the last gradient returned here; this handle would keep it until the end of the step.
        _returned?.Dispose();
        var store = (Nf4Store)ctx.get_data("store");
        _returned = AutogradFailures.Guard<Tensor?>(() => store.MultiplyBack(grad_output).DetachFromDisposeScope(), () => null);
        grad_output.Dispose();
        return [_returned!, null!];
    }

    // An object, so that autograd does not take the frozen bias for an input.
    private sealed class Call(Nf4Store store, Tensor? bias)
    {
        public Nf4Store Store { get; } = store;

        public Tensor? Bias { get; } = bias;

        public Tensor? Output { get; set; }
    }
}
