using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PeftSharp.Interop;
using PeftSharp.Training.Optimizers.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers;

/// <summary>
/// AdamW whose two means take one byte a weight each (Dettmers et al. 2022, arXiv 2110.02861): codes of a dynamic map, scaled by the
/// largest of each block of 256. Every update computes in float32 and rounds the means to their codes; tensors of fewer than 4096 weights
/// keep 32 bits, as in bitsandbytes. Unlike there, a mean of squares above zero never becomes zero.
/// </summary>
internal sealed class BlockwiseAdamW : IOptimizer
{
    /// <summary>Numbers that share a scale.</summary>
    public const int Block = 256;

    private const int Smallest = 4096;

    // Work for one thread at a time.
    private const int BlocksPerPiece = 64;

    private readonly Quantised[] _quantised;
    private readonly AdamW _others;
    private readonly IStateMemory _memory;
    private readonly double _beta1, _beta2, _epsilon, _decay;

    /// <summary>Creates the optimizer; its state starts at zero.</summary>
    /// <param name="parameters">float32 leaves, contiguous, on the CPU.</param>
    /// <param name="beta1">Decay of the mean of gradients; 0 ≤ β &lt; 1; default 0.9.</param>
    /// <param name="beta2">Decay of the mean of squared gradients; default 0.999.</param>
    /// <param name="epsilon">Added to the root; default 1e-8.</param>
    /// <param name="weightDecay">Decoupled weight decay; default 0.</param>
    /// <param name="memory">Where the state is kept, taken over; default: the machine's memory.</param>
    /// <exception cref="PeftException">A tensor is not of a kind that it can update, or there is no room for the state.</exception>
    public BlockwiseAdamW(
        IReadOnlyList<TrainableParameter> parameters, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8,
        double weightDecay = 0, IStateMemory? memory = null)
    {
        (_beta1, _beta2, _epsilon, _decay, _memory) = (beta1, beta2, epsilon, weightDecay, memory ?? new WorkingMemory());
        var large = parameters.Where(p => p.Value.numel() >= Smallest).ToList();
        if (large.Find(p => p.Value.dtype != ScalarType.Float32 || p.Value.device.type != DeviceType.CPU) is { } other)
            throw new PeftException(
                $"The 8-bit optimizer was given {other.Name} as {other.Value.dtype} on {other.Value.device}; it updates float32 on "
                + "the CPU: "
                + "choose \"adamw_torch\".");
        var tensors = _memory.Allocate([.. large.SelectMany(Places)]);
        _quantised = [.. large.Select(p => new Quantised(p, tensors))];
        _others = new AdamW([.. parameters.Except(large)], beta1, beta2, epsilon, weightDecay);
        var steps = _quantised.Select(q => KeyValuePair.Create($"{q.Parameter.Name}/step", q.Steps));
        State = tensors.Concat(steps).Concat(_others.State).ToDictionary();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State { get; }

    /// <inheritdoc/>
    public void Step(double learningRate)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        _others.Step(learningRate);
        for (var i = 0; i < _quantised.Length; i++)
        {
            var state = _quantised[i];
            // The next tensor's codes come from the disk while this one is updated.
            if (_memory.IsPaged && i + 1 < _quantised.Length) _memory.Expect([_quantised[i + 1].First, _quantised[i + 1].Second]);
            if (state.Parameter.Value.grad is { } gradient) Update(state, gradient.contiguous(), learningRate * state.Parameter.RateFactor);
        }
    }

    private unsafe void Update(Quantised state, Tensor gradient, double rate)
    {
        var step = state.Steps.Increase(1).item<float>();
        var settings = new Numbers(
            (float)_beta1, (float)_beta2, (float)_epsilon, (float)(1 - rate * (state.Parameter.Decay ? _decay : 0)),
            (float)(rate / (1 - Math.Pow(_beta1, step))), (float)Math.Sqrt(1 - Math.Pow(_beta2, step)));
        var count = state.Parameter.Value.numel();
        var blocks = (count + Block - 1) / Block;
        var all = new Pointers(
            (float*)TensorPointer.Of(state.Parameter.Value), (float*)TensorPointer.Of(gradient),
            TensorPointer.Of(state.First), TensorPointer.Of(state.Second),
            (float*)TensorPointer.Of(state.FirstScales), (float*)TensorPointer.Of(state.SecondScales));
        Ranges.ForEach(blocks, BlocksPerPiece, (from, to) =>
        {
            for (var block = from; block < to; block++) UpdateBlock(all, block, (int)Math.Min(Block, count - block * Block), settings);
        });
        GC.KeepAlive(state);
        GC.KeepAlive(gradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void UpdateBlock(Pointers all, long block, int length, Numbers n)
    {
        float* m = stackalloc float[Block], v = stackalloc float[Block];
        var at = block * Block;
        byte* first = all.First + at, second = all.Second + at;
        DynamicMap.Signed.Decode(first, length, m);
        DynamicMap.Unsigned.Decode(second, length, v);
        // A block that was never updated holds zeros, whatever its codes: its scale is zero.
        var (scale1, scale2) = (all.FirstScales[block], all.SecondScales[block]);
        var (most1, most2) = Update(all.Parameter + at, all.Gradient + at, m, v, length, scale1, scale2, n);
        (all.FirstScales[block], all.SecondScales[block]) = (most1, most2);
        DynamicMap.Signed.Encode(m, most1 > 0 ? 1 / most1 : 0, length, first, least: 0);
        // What is above zero stays above it: a step would be divided by next to nothing.
        DynamicMap.Unsigned.Encode(v, most2 > 0 ? 1 / most2 : 0, length, second, least: 1);
    }

    // Levels become means, which move the weights; the largest of both.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe (float First, float Second) Update(
        float* weight, float* gradient, float* m, float* v, int length, float scale1, float scale2, Numbers n)
    {
        var (most1, most2, i) = (Vector256<float>.Zero, Vector256<float>.Zero, 0);
        for (; i <= length - 8; i += 8)
        {
            var g = Vector256.Load(gradient + i);
            var mean = Vector256.Load(m + i) * scale1 * n.Beta1 + g * (1 - n.Beta1);
            var square = Vector256.Load(v + i) * scale2 * n.Beta2 + g * g * (1 - n.Beta2);
            (most1, most2) = (Vector256.Max(most1, Vector256.Abs(mean)), Vector256.Max(most2, square));
            (Vector256.Load(weight + i) * n.Keep
                - mean * n.Size / (Vector256.Sqrt(square) / n.Root + Vector256.Create(n.Epsilon))).Store(weight + i);
            mean.Store(m + i);
            square.Store(v + i);
        }
        var (largest1, largest2) = (0f, 0f);
        for (var lane = 0; lane < 8; lane++) (largest1, largest2) = (Math.Max(largest1, most1[lane]), Math.Max(largest2, most2[lane]));
        for (; i < length; i++)
        {
            var g = gradient[i];
            m[i] = m[i] * scale1 * n.Beta1 + g * (1 - n.Beta1);
            v[i] = v[i] * scale2 * n.Beta2 + g * g * (1 - n.Beta2);
            (largest1, largest2) = (Math.Max(largest1, Math.Abs(m[i])), Math.Max(largest2, v[i]));
            weight[i] = weight[i] * n.Keep - m[i] * n.Size / (MathF.Sqrt(v[i]) / n.Root + n.Epsilon);
        }
        return (largest1, largest2);
    }

    /// <inheritdoc/>
    public void ZeroGrad()
    {
        _others.ZeroGrad();
        foreach (var state in _quantised) state.Parameter.Value.grad = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var state in _quantised) state.Steps.Dispose();
        _others.Dispose();
        _memory.Dispose();
    }

    private static IEnumerable<StatePlace> Places(TrainableParameter p)
    {
        var count = p.Value.numel();
        var blocks = (count + Block - 1) / Block;
        yield return new($"{p.Name}/exp_avg_codes", [count], ScalarType.Byte, p.Value.device);
        yield return new($"{p.Name}/exp_avg_sq_codes", [count], ScalarType.Byte, p.Value.device);
        yield return new($"{p.Name}/exp_avg_scales", [blocks], ScalarType.Float32, p.Value.device);
        yield return new($"{p.Name}/exp_avg_sq_scales", [blocks], ScalarType.Float32, p.Value.device);
    }

    private sealed class Quantised(TrainableParameter parameter, IReadOnlyDictionary<string, Tensor> tensors)
    {
        public TrainableParameter Parameter => parameter;

        public Tensor First { get; } = tensors[$"{parameter.Name}/exp_avg_codes"];

        public Tensor Second { get; } = tensors[$"{parameter.Name}/exp_avg_sq_codes"];

        public Tensor FirstScales { get; } = tensors[$"{parameter.Name}/exp_avg_scales"];

        public Tensor SecondScales { get; } = tensors[$"{parameter.Name}/exp_avg_sq_scales"];

        public Tensor Steps { get; } = zeros([], dtype: ScalarType.Float32).DetachFromDisposeScope();
    }

    private readonly record struct Numbers(float Beta1, float Beta2, float Epsilon, float Keep, float Size, float Root);

    private readonly unsafe struct Pointers(
        float* parameter, float* gradient, byte* first, byte* second, float* firstScales, float* secondScales)
    {
        public readonly float* Parameter = parameter, Gradient = gradient, FirstScales = firstScales, SecondScales = secondScales;

        public readonly byte* First = first, Second = second;
    }
}
