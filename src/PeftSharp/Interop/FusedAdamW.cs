using System.Numerics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>One AdamW update (Loshchilov &amp; Hutter 2019, arXiv 1711.05101) of many tensors in one native call.</summary>
/// <remarks>
/// All tensors are float32, contiguous and on the CPU. A managed loop, equal to about 1e-6, stands in where libtorch's is missing.
/// </remarks>
internal static class FusedAdamW
{
    private static readonly Lazy<bool> NativeWorks = new(AgreesWithManaged);

    /// <summary>True if libtorch's fused kernel is used; false if the managed loop is.</summary>
    public static bool Native => NativeWorks.Value;

    /// <summary>Updates parameters and moments in place.</summary>
    /// <param name="parameters">The tensors to update.</param>
    /// <param name="gradients">Their gradients, in the same order.</param>
    /// <param name="firstMoments">Running means of the gradients.</param>
    /// <param name="secondMoments">Running means of the squared gradients.</param>
    /// <param name="steps">For each parameter a float32 scalar: the number of this update, counted from 1.</param>
    /// <param name="settings">Learning rate and the rest.</param>
    public static void Step(
        IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> gradients, IReadOnlyList<Tensor> firstMoments,
        IReadOnlyList<Tensor> secondMoments, IReadOnlyList<Tensor> steps, AdamWSettings settings)
    {
        if (parameters.Count == 0) return;
        if (Native) StepNative(parameters, gradients, firstMoments, secondMoments, steps, settings);
        else StepManaged(parameters, gradients, firstMoments, secondMoments, steps, settings);
    }

    private static void StepNative(
        IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> gradients, IReadOnlyList<Tensor> firstMoments,
        IReadOnlyList<Tensor> secondMoments, IReadOnlyList<Tensor> steps, AdamWSettings s)
    {
        using var noGrad = no_grad();
        // self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps; lr, beta1, beta2, weight_decay, eps;
        // amsgrad, maximize; grad_scale, found_inf
        Span<ulong> stack =
        [
            Dispatcher.Of(parameters), Dispatcher.Of(gradients), Dispatcher.Of(firstMoments), Dispatcher.Of(secondMoments),
            Dispatcher.Of([]), Dispatcher.Of(steps),
            Dispatcher.Of(s.Lr), Dispatcher.Of(s.Beta1), Dispatcher.Of(s.Beta2), Dispatcher.Of(s.WeightDecay), Dispatcher.Of(s.Eps),
            Dispatcher.Of(false), Dispatcher.Of(false), Dispatcher.Absent, Dispatcher.Absent,
        ];
        Dispatcher.Call("aten::_fused_adamw_", "", stack);
    }

    /// <summary>The same update without libtorch's kernel.</summary>
    internal static void StepManaged(
        IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> gradients, IReadOnlyList<Tensor> firstMoments,
        IReadOnlyList<Tensor> secondMoments, IReadOnlyList<Tensor> steps, AdamWSettings settings)
    {
        const long chunk = 1 << 28; // a span over a tensor holds fewer than 2^31 bytes
        for (var i = 0; i < parameters.Count; i++)
        {
            var step = Floats(steps[i])[0];
            var count = parameters[i].numel();
            for (long at = 0; at < count; at += chunk)
            {
                var length = Math.Min(chunk, count - at);
                using var scope = NewDisposeScope();
                Update(Part(parameters[i]), Part(gradients[i]), Part(firstMoments[i]), Part(secondMoments[i]), step, settings);

                Span<float> Part(Tensor t) => Floats(t.detach().view(-1).narrow(0, at, length));
            }
        }
    }

    private static void Update(Span<float> p, Span<float> g, Span<float> m, Span<float> v, double step, AdamWSettings s)
    {
        float beta1 = (float)s.Beta1, beta2 = (float)s.Beta2, eps = (float)s.Eps, keep = (float)(1 - s.Lr * s.WeightDecay);
        float new1 = (float)(1 - s.Beta1), new2 = (float)(1 - s.Beta2);
        var size = (float)(s.Lr / (1 - Math.Pow(s.Beta1, step)));
        var root = (float)Math.Sqrt(1 - Math.Pow(s.Beta2, step));
        var i = 0;
        for (; i <= p.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> gradient = new(g[i..]), first = new(m[i..]), second = new(v[i..]);
            first = first * beta1 + gradient * new1;
            second = second * beta2 + gradient * gradient * new2;
            first.CopyTo(m[i..]);
            second.CopyTo(v[i..]);
            var denominator = Vector.SquareRoot(second) / new Vector<float>(root) + new Vector<float>(eps);
            (new Vector<float>(p[i..]) * keep - first * size / denominator).CopyTo(p[i..]);
        }
        for (; i < p.Length; i++)
        {
            m[i] = m[i] * beta1 + g[i] * new1;
            v[i] = v[i] * beta2 + g[i] * g[i] * new2;
            p[i] = p[i] * keep - m[i] * size / (MathF.Sqrt(v[i]) / root + eps);
        }
    }

    private static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    private static bool AgreesWithManaged()
    {
        if (!Dispatcher.Available) return false;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        float[] start = [.. Enumerable.Range(0, 37).Select(i => MathF.Sin(i))];
        Tensor[] native = Fresh(), managed = Fresh();
        var settings = new AdamWSettings(0.01, 0.9, 0.999, 1e-8, 0.1);
        try
        {
            for (var step = 1; step <= 3; step++)
            {
                var steps = tensor((float)step);
                StepNative([native[0]], [native[1]], [native[2]], [native[3]], [steps], settings);
                StepManaged([managed[0]], [managed[1]], [managed[2]], [managed[3]], [steps], settings);
            }
            return native.Zip(managed).All(pair => pair.First.allclose(pair.Second, 1e-5, 1e-6));
        }
        catch (PeftException)
        {
            return false;
        }

        Tensor[] Fresh() => [tensor(start), tensor(start).Times(-0.5), zeros(start.Length), zeros(start.Length)];
    }
}
