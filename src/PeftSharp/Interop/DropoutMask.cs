using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Dropout whose mask is a function of a seed and an element's index alone.</summary>
/// <remarks>
/// A forward that is computed again draws the same numbers, whatever the number of threads and whatever ran in between. Each
/// element hashes its index with two keys of the seed (two multiply-xorshift rounds) and is kept if the 32 bits reach p·2³².
/// </remarks>
public static unsafe class DropoutMask
{
    private const long Grain = 1 << 15;

    /// <summary>y = x · mask, where mask is 0 with probability <paramref name="p"/> and 1/(1−p) otherwise.</summary>
    /// <param name="x">float32 or bfloat16, any shape, on the CPU.</param>
    /// <param name="p">Probability of dropping an element, in [0, 1); 0 returns <paramref name="x"/> itself.</param>
    /// <param name="seed">The seed of this site in this micro-step (see <see cref="SeedSequence"/>).</param>
    /// <exception cref="PeftException">p is out of range, or the type is another one.</exception>
    public static Tensor Apply(Tensor x, double p, ulong seed)
    {
        if (p == 0) return x;
        using var mask = Create(x.shape, x.dtype, p, seed);
        return x.mul(mask);
    }

    /// <summary>The mask alone: 0 or 1/(1−p), of the given shape and type.</summary>
    /// <exception cref="PeftException">p is not in [0, 1), or the type is neither float32 nor bfloat16.</exception>
    public static Tensor Create(long[] shape, ScalarType dtype, double p, ulong seed)
    {
        if (p is not (>= 0 and < 1)) throw new PeftException($"The dropout probability is {p}; it must be at least 0 and below 1.");
        if (dtype is not (ScalarType.Float32 or ScalarType.BFloat16))
            throw new PeftException($"Dropout was asked for a tensor of type {dtype}; float32 and bfloat16 are supported.");
        var mask = empty(shape, dtype: dtype);
        var count = mask.numel();
        if (count == 0) return mask;
        // The first element's address reaches tensors that are too large for one span.
        using var flat = mask.view(-1);
        using var first = flat.narrow(0, 0, 1);
        fixed (byte* data = first.bytes)
        {
            var work = new Work
            {
                Data = data,
                Wide = dtype == ScalarType.Float32,
                Threshold = (uint)Math.Min(Math.Round(p * 4294967296.0), uint.MaxValue),
                Scale = BitConverter.SingleToUInt32Bits((float)(1 / (1 - p))),
                Seed = seed,
            };
            if (count <= Grain || !Dispatcher.TryParallelFor(count, Grain, &Run, &work)) work.Fill(0, count);
        }
        return mask;
    }

    [UnmanagedCallersOnly]
    private static void Run(long begin, long end, void* work) => ((Work*)work)->Fill(begin, end);

    private struct Work
    {
        public byte* Data;
        public bool Wide;
        public uint Threshold;
        public uint Scale;
        public ulong Seed;

        public readonly void Fill(long begin, long end)
        {
            // Indices are 32 bits wide inside a block of 2^32 elements, and each block has keys of its own.
            while (begin < end)
            {
                var block = begin >> 32;
                var stop = Math.Min(end, (block + 1) << 32);
                var keys = SeedSequence.Derive(Seed, (ulong)block);
                if (Wide) FillFloat(begin, stop, (uint)keys, (uint)(keys >> 32));
                else FillHalf(begin, stop, (uint)keys, (uint)(keys >> 32));
                begin = stop;
            }
        }

        // Everything is in locals: the compiler must assume that writing the mask changes fields. Optimised from the first call:
        // short runs would else spend their time in code for debugging.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void FillFloat(long i, long end, uint key0, uint key1)
        {
            var data = (uint*)Data;
            uint threshold = Threshold, scale = Scale;
            Vector512<uint> thresholds = Vector512.Create(threshold), scales = Vector512.Create(scale), lanes = Vector512<uint>.Indices;
            for (; i <= end - 16; i += 16)
            {
                var hash = Hash(Vector512.Create((uint)i) + lanes, key0, key1);
                (Vector512.GreaterThanOrEqual(hash, thresholds) & scales).Store(data + i);
            }
            for (; i < end; i++) data[i] = Hash((uint)i, key0, key1) >= threshold ? scale : 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void FillHalf(long i, long end, uint key0, uint key1)
        {
            var data = (ushort*)Data;
            var threshold = Threshold;
            // Rounded to nearest, as libtorch rounds a float to bfloat16.
            var scale = (ushort)((Scale + 0x7FFF + ((Scale >> 16) & 1)) >> 16);
            Vector512<uint> thresholds = Vector512.Create(threshold), scales = Vector512.Create((uint)scale), lanes = Vector512<uint>.Indices;
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
