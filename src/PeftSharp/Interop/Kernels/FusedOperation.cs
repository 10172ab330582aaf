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

    /// <summary>
    /// True if the result is computed again in less time than it is worth in memory: operations that read it then keep the inputs in its
    /// place, which this operation keeps anyway.
    /// </summary>
    private protected virtual bool IsCheap => false;

    /// <summary>True if the backward pass reads this input; default true. What is not read is not kept.</summary>
    private protected virtual bool Reads(int input) => true;

    /// <summary>The result, without a graph.</summary>
    private protected abstract Tensor Forward(IReadOnlyList<Tensor> inputs);

    /// <summary>
    /// The gradient by each input, null where none is needed; without a graph, none of them in a dispose scope. Inputs that are not read
    /// are null.
    /// </summary>
    private protected abstract Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs);

    /// <summary>The result once more, in no dispose scope.</summary>
    internal Tensor Repeat(IReadOnlyList<Tensor> inputs)
    {
        using var guard = no_grad();
        return Forward(inputs).DetachFromDisposeScope().requires_grad_(true);
    }

    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        [ThreadStatic] private static List<Tensor>? _returned;

        public override string Name => nameof(FusedOperation);

        public static Tensor Apply(FusedOperation operation, Tensor[] inputs)
        {
            var call = new Call(operation, inputs);
            var result = CustomNode.Apply(() => apply([.. inputs, call]));
            call.Output?.Dispose(); // a second handle to what the result holds
            call.Output = null;
            if (operation.IsCheap) call.Own = RepeatableResult.Note(result, operation, inputs);
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
            // Autograd took its own references to what was returned here last; these handles would keep it until the end of the step.
            foreach (var tensor in _returned ?? []) tensor?.Dispose();
            var call = (Call)ctx.get_data("call");
            // Whoever reads this result comes before it in a backward pass.
            call.Own?.Release();
            if (call.Own is not null) NativeHeap.TrimHoles();
            var saved = ctx.get_saved_variables();
            var gradients = AutogradFailures.Guard(() => Back(call, grad_output, saved), () => new Tensor?[call.Count]);
            foreach (var tensor in saved) tensor.Dispose();
            grad_output.Dispose();
            return _returned = [.. gradients.Select(gradient => gradient!), null!];
        }

        private static Tensor?[] Back(Call call, Tensor gradient, List<Tensor> saved)
        {
            using var guard = no_grad();
            return call.Operation.Backward(gradient, call.Kept(saved));
        }
    }

    // One call, and how what it keeps stands for its inputs.
    private sealed class Call(FusedOperation operation, Tensor[] inputs)
    {
        private readonly RepeatableResult?[] _repeatable =
            [.. inputs.Select((input, i) => operation.Reads(i) ? RepeatableResult.Of(input) : null)];

        public FusedOperation Operation { get; } = operation;

        public int Count { get; } = inputs.Length;

        public Tensor? Output { get; set; }

        /// <summary>The call's own result, where it is cheap.</summary>
        public RepeatableResult? Own { get; set; }

        public List<Tensor> ToKeep(List<Tensor> all)
        {
            List<Tensor> kept = [];
            for (var i = 0; i < Count; i++)
                if (_repeatable[i] is { } result) kept.AddRange(result.Inputs);
                else if (Operation.Reads(i)) kept.Add(all[i]);
            return kept;
        }

        public Tensor[] Kept(List<Tensor> saved)
        {
            var (result, next) = (new Tensor[Count], 0);
            for (var i = 0; i < Count; i++)
            {
                if (_repeatable[i] is { } repeatable)
                {
                    result[i] = repeatable.Again(saved.GetRange(next, repeatable.Count));
                    next += repeatable.Count;
                }
                else if (Operation.Reads(i)) result[i] = saved[next++];
            }
            return result;
        }
    }
}
