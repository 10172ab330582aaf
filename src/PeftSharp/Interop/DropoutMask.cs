using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Dropout whose mask is a function of a seed and an element's index alone.</summary>
/// <remarks>
/// A forward that is computed again draws the same numbers, whatever the number of threads and whatever ran in between. Each
/// element hashes its index with two keys of the seed (two multiply-xorshift rounds) and is kept if the 32 bits reach p·2³².
/// </remarks>
internal static unsafe class DropoutMask
{
    private const long Grain = 1 << 15;

    /// <summary>y = x · mask, where mask is 0 with probability <paramref name="p"/> and 1/(1−p) otherwise.</summary>
    /// <param name="x">Of a floating type, any shape. On other devices than the CPU the numbers are that device's own, a function of the
    /// seed as well.</param>
    /// <param name="p">Probability of dropping an element, in [0, 1); 0 returns <paramref name="x"/> itself.</param>
    /// <param name="seed">The seed of this site in this micro-step (see <see cref="SeedSequence"/>).</param>
    /// <exception cref="PeftException">p is out of range.</exception>
    public static Tensor Apply(Tensor x, double p, ulong seed)
    {
        if (p == 0) return x;
        if (x.device.type != DeviceType.CPU) return Elsewhere(x, p, seed);
        if (x.dtype == ScalarType.BFloat16)
        {
            using var factors = Create(x.shape, x.dtype, p, seed);
            return x.mul(factors);
        }
        if (x.dtype == ScalarType.Float32 && (!x.requires_grad || !is_grad_enabled())) return Dropped(x, p, seed);
        // Autograd keeps a byte an element for the backward pass, not four.
        using var kept = Create(x.shape, ScalarType.Bool, p, seed);
        using var zero = zeros([], x.dtype);
        using var masked = where(kept, x, zero);
        return masked.Times(x.dtype == ScalarType.Float32 ? Scale(p) : 1 / (1 - p));
    }

    /// <summary>What <see cref="Apply"/> gives, for float32 and without a graph: one pass, and no mask in memory.</summary>
    internal static Tensor Dropped(Tensor x, double p, ulong seed)
    {
        using var source = x.contiguous();
        var result = empty(x.shape, dtype: ScalarType.Float32);
        Run(result, source, p, seed);
        return result;
    }

    /// <summary>The same in place, of a contiguous tensor.</summary>
    internal static void Drop(Tensor x, double p, ulong seed) => Run(x, x, p, seed);

    /// <summary>Dropout by the generator of the tensor's device.</summary>
    internal static Tensor Elsewhere(Tensor x, double p, ulong seed)
    {
        using var scope = NewDisposeScope();
        var generator = new Generator(seed, x.device);
        var kept = rand(x.shape, dtype: ScalarType.Float32, device: x.device, generator: generator).NotBelow(p);
        return x.mul(kept.to(x.dtype).Scale(1 / (1 - p))).MoveToOuterDisposeScope();
    }

    private static float Scale(double p) => (float)(1 / (1 - p));

    /// <summary>The mask alone, of the given shape: 0 or 1/(1−p) in float32 or bfloat16, or what is kept as Booleans.</summary>
    /// <exception cref="PeftException">p is not in [0, 1), or the type is another one.</exception>
    public static Tensor Create(long[] shape, ScalarType dtype, double p, ulong seed)
    {
        if (p is not (>= 0 and < 1)) throw new PeftException($"The dropout probability is {p}; it must be at least 0 and below 1.");
        if (dtype is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Bool))
            throw new PeftException($"Dropout was asked for a tensor of type {dtype}; float32 and bfloat16 are supported.");
        var mask = empty(shape, dtype: dtype);
        Run(mask, null, p, seed);
        return mask;
    }

    private static void Run(Tensor to, Tensor? source, double p, ulong seed)
    {
        var count = to.numel();
        if (count == 0) return;
        var work = new Work
        {
            Data = TensorPointer.Of(to),
            Source = source is null ? null : (float*)TensorPointer.Of(source),
            Type = to.dtype,
            Threshold = (uint)Math.Min(Math.Round(p * 4294967296.0), uint.MaxValue),
            Scale = Scale(p),
            Seed = seed,
        };
        if (count <= Grain || !Dispatcher.TryParallelFor(count, Grain, &Run, &work)) work.Fill(0, count);
        GC.KeepAlive(to);
        GC.KeepAlive(source);
    }

    [UnmanagedCallersOnly]
    private static void Run(long begin, long end, void* work) => ((Work*)work)->Fill(begin, end);

    private struct Work
    {
        public byte* Data;
        public float* Source;
        public ScalarType Type;
        public uint Threshold;
        public float Scale;
        public ulong Seed;

        public readonly void Fill(long begin, long end)
        {
            // Indices are 32 bits wide inside a block of 2^32 elements, and each block has keys of its own.
            while (begin < end)
            {
                var block = begin >> 32;
                var stop = Math.Min(end, (block + 1) << 32);
                var keys = SeedSequence.Derive(Seed, (ulong)block);
                var (key0, key1) = ((uint)keys, (uint)(keys >> 32));
                if (Source is not null) Drop(begin, stop, key0, key1);
                else if (Type == ScalarType.Float32) FillFloat(begin, stop, key0, key1);
                else if (Type == ScalarType.BFloat16) FillHalf(begin, stop, key0, key1);
                else FillBool(begin, stop, key0, key1);
                begin = stop;
            }
        }

        // Everything is in locals: the compiler must assume that writing the mask changes fields. Optimised from the first call:
        // short runs would else spend their time in code for debugging.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void FillFloat(long i, long end, uint key0, uint key1)
        {
            var data = (uint*)Data;
            uint threshold = Threshold, scale = BitConverter.SingleToUInt32Bits(Scale);
            Vector512<uint> thresholds = Vector512.Create(threshold), scales = Vector512.Create(scale), lanes = Vector512<uint>.Indices;
            for (; i <= end - 16; i += 16)
            {
                var hash = Hash(Vector512.Create((uint)i) + lanes, key0, key1);
                (Vector512.GreaterThanOrEqual(hash, thresholds) & scales).Store(data + i);
            }
            for (; i < end; i++) data[i] = Hash((uint)i, key0, key1) >= threshold ? scale : 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Drop(long i, long end, uint key0, uint key1)
        {
            var data = (float*)Data;
            var source = Source;
            var (threshold, scale) = (Threshold, Scale);
            Vector512<uint> thresholds = Vector512.Create(threshold), lanes = Vector512<uint>.Indices;
            var scales = Vector512.Create(scale);
            for (; i <= end - 16; i += 16)
            {
                var hash = Hash(Vector512.Create((uint)i) + lanes, key0, key1);
                (Vector512.GreaterThanOrEqual(hash, thresholds).AsSingle() & (Vector512.Load(source + i) * scales)).Store(data + i);
            }
            for (; i < end; i++) data[i] = Hash((uint)i, key0, key1) >= threshold ? source[i] * scale : 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void FillBool(long i, long end, uint key0, uint key1)
        {
            var data = Data;
            var threshold = Threshold;
            Vector512<uint> thresholds = Vector512.Create(threshold), lanes = Vector512<uint>.Indices, one = Vector512<uint>.One;
            for (; i <= end - 64; i += 64)
            {
                var start = (uint)i;
                var a = Vector512.Narrow(Kept(start), Kept(start + 16));
                var b = Vector512.Narrow(Kept(start + 32), Kept(start + 48));
                Vector512.Narrow(a, b).Store(data + i);
            }
            for (; i < end; i++) data[i] = Hash((uint)i, key0, key1) >= threshold ? (byte)1 : (byte)0;

            Vector512<uint> Kept(uint at) => Vector512.GreaterThanOrEqual(Hash(Vector512.Create(at) + lanes, key0, key1), thresholds) & one;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void FillHalf(long i, long end, uint key0, uint key1)
        {
            var data = (ushort*)Data;
            var threshold = Threshold;
            // Rounded to nearest, as libtorch rounds a float to bfloat16.
            var bits = BitConverter.SingleToUInt32Bits(Scale);
            var scale = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
            Vector512<uint> thresholds = Vector512.Create(threshold), scales = Vector512.Create((uint)scale),
            lanes = Vector512<uint>.Indices;
            for (; i <= end - 32; i += 32)
            {
                var low = Hash(Vector512.Create((uint)i) + lanes, key0, key1);
                var high = Hash(Vector512.Create((uint)i + 16) + lanes, key0, key1);
                low = Vector512.GreaterThanOrEqual(low, thresholds) & scales;
                high = Vector512.GreaterThanOrEqual(high, thresholds) & scales;
                Vector512.Narrow(low, high).Store(data + i);
            }
            for (; i < end; i++) data[i] = Hash((uint)i, key0, key1) >= threshold ? scale : (ushort)0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Hash(Vector512<uint> x, uint key0, uint key1)
    {
        x += Vector512.Create(key0);
        x = (x ^ (x >>> 16)) * 0x7FEB352Du + Vector512.Create(key1);
        x = (x ^ (x >>> 15)) * 0x846CA68Bu;
        return x ^ (x >>> 16);
    }

    private static uint Hash(uint x, uint key0, uint key1)
    {
        x += key0;
        x = (x ^ (x >> 16)) * 0x7FEB352Du + key1;
        x = (x ^ (x >> 15)) * 0x846CA68Bu;
        return x ^ (x >> 16);
    }
}
