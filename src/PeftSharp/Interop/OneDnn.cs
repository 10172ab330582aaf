using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Products in float32 by oneDNN, which libtorch carries beside MKL and takes for bfloat16 alone by itself.</summary>
internal static class OneDnn
{
    private const string Operation = "mkldnn::_linear_pointwise";

    private static readonly Lazy<bool> Tried = new(() =>
        RuntimeInformation.ProcessArchitecture == Architecture.X64 && Dispatcher.Available && Works());

    /// <summary>True if it is there and gave a correct result when tried.</summary>
    public static bool Available => Tried.Value;

    /// <summary>x·Wᵀ (+ b), without a graph.</summary>
    /// <param name="x">[…, in], float32 on the CPU.</param>
    /// <param name="weight">[out, in]; the fastest where its columns lie behind each other, as in a view that turns a matrix.</param>
    /// <param name="bias">[out], or null.</param>
    /// <returns>[…, out].</returns>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null)
    {
        var within = bias is not null && Dispatcher.HasOptional;
        Span<ulong> stack =
        [
            Dispatcher.Of(x), Dispatcher.Of(weight), within ? Dispatcher.OfOptional(bias!) : Dispatcher.Absent,
            Dispatcher.Of("none"), Dispatcher.Of([]), Dispatcher.Absent,
        ];
        Dispatcher.Call(Operation, "", stack);
        var y = Dispatcher.Take(stack[0]);
        return bias is null || within ? y : y.Increase(bias);
    }

    private static bool Works()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        try
        {
            var (x, weight, bias) = (tensor([1f, 2f, 3f, 4f]).view(2, 2), tensor([1f, 0.5f, -1f, 2f]).view(2, 2), tensor([10f, 20f]));
            return Linear(x, weight, bias).data<float>().ToArray() is [12f, 23f, 15f, 25f]
                && Linear(x, weight.t()).data<float>().ToArray() is [-1f, 4.5f, -1f, 9.5f];
        }
        catch (PeftException)
        {
            return false;
        }
    }
}
