using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>An operation with a backward pass of its own, which is one node of the graph and keeps what that pass reads.</summary>
internal abstract class FusedOperation
{
    /// <summary>What it makes of its inputs, in the caller's scope.</summary>
    public Tensor Apply(params Tensor[] inputs)
    {
        if (is_grad_enabled() && Array.Exists(inputs, input => input.requires_grad)) return Node.Apply(this, inputs);
        using var guard = no_grad();
        return Forward(inputs);
    }

    /// <summary>True for float32 on the CPU, which these operations compute; callers have another way for the rest.</summary>
    public static bool Fits(Tensor x) => x.dtype == ScalarType.Float32 && x.device.type == DeviceType.CPU;

    /// <summary>True if the backward pass reads this input; default true. What is not read is not kept.</summary>
    private protected virtual bool Reads(int input) => true;

    /// <summary>The result, without a graph.</summary>
    private protected abstract Tensor Forward(IReadOnlyList<Tensor> inputs);

    /// <summary>
    /// The gradient by each input, null where none is needed; without a graph, none of them in a dispose scope. Inputs that are not read
    /// are null.
    /// </summary>
    private protected abstract Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs);

    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(FusedOperation);

        public static Tensor Apply(FusedOperation operation, Tensor[] inputs)
        {
            var call = new Call(operation, inputs.Length);
            var result = CustomNode.Apply(() => apply([.. inputs, call]));
            call.Output?.Dispose(); // a second handle to what the result holds
            call.Output = null;
            return result;
        }

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var inputs = vars.OfType<Tensor>().ToList();
            var call = (Call)vars[^1];
            ctx.save_for_backward(call.ToKeep(inputs));
            ctx.save_data("call", call);
            using var guard = no_grad();
            return call.Output = call.Operation.Forward(inputs);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            ReturnedGradients.Release();
            var call = (Call)ctx.get_data("call");
            var saved = ctx.get_saved_variables();
            var gradients = AutogradFailures.Guard(() => Back(call, grad_output, saved), () => new Tensor?[call.Count]);
            foreach (var tensor in saved) tensor.Dispose();
            grad_output.Dispose();
            return ReturnedGradients.Hand([.. gradients, null]);
        }

        private static Tensor?[] Back(Call call, Tensor gradient, List<Tensor> saved)
        {
            using var guard = no_grad();
            return call.Operation.Backward(gradient, call.Kept(saved));
        }
    }

    // One call, and what it keeps of its inputs.
    private sealed class Call(FusedOperation operation, int inputs)
    {
        public FusedOperation Operation { get; } = operation;

        public int Count { get; } = inputs;

        public Tensor? Output { get; set; }

        public List<Tensor> ToKeep(List<Tensor> all) => [.. all.Where((_, i) => Operation.Reads(i))];

        public Tensor[] Kept(List<Tensor> saved)
        {
            var (result, next) = (new Tensor[Count], 0);
            for (var i = 0; i < Count; i++)
                if (Operation.Reads(i)) result[i] = saved[next++];
            return result;
        }
    }
}
