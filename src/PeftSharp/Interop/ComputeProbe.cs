using System.Diagnostics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Chooses between fp32 and bfloat16 products by measuring both, once per processor.</summary>
internal static class ComputeProbe
{
    /// <summary>How many times faster bfloat16 must be to be worth its lower precision.</summary>
    public const double ClearlyFaster = 1.3;

    /// <summary>Chooses the compute type.</summary>
    /// <param name="request"><c>auto</c> (measure, or read what was measured before), <c>fp32</c> or <c>bf16</c>.</param>
    /// <exception cref="PeftException">The request is another word.</exception>
    public static ComputeChoice Choose(string request) => Choose(request, ComputeCache.DefaultPath);

    internal static ComputeChoice Choose(string request, string? cachePath)
    {
        LibTorch.EnsureLoaded();
        var processor = ProcessorName();
        switch (request.ToLowerInvariant())
        {
            case "fp32": return new(ComputeType.Float32, 0, 0, processor, "as set, without a measurement.");
            case "bf16": return new(ComputeType.BFloat16, 0, 0, processor, "as set, without a measurement.");
            case "auto": break;
            default: throw new PeftException($"The compute type is '{request}'; it must be auto, fp32 or bf16.");
        }
        var key = $"{processor}, libtorch {__version__}";
        if (ComputeCache.Read(cachePath, key) is not { } speed)
        {
            speed = Measure();
            ComputeCache.Write(cachePath, key, speed);
        }
        return Decide(speed, processor);
    }

    internal static ComputeChoice Decide(ComputeSpeed speed, string processor)
    {
        var ratio = speed.Bf16Gflops / speed.Fp32Gflops;
        var type = ratio > ClearlyFaster ? ComputeType.BFloat16 : ComputeType.Float32;
        var reason = string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"bf16 products run at {speed.Bf16Gflops:0} GFLOP/s a core, fp32 products at {speed.Fp32Gflops:0}: "
            + $"{(type == ComputeType.BFloat16 ? "bf16 is clearly faster" : "fp32 is as good or better")}.");
        return new(type, speed.Fp32Gflops, speed.Bf16Gflops, processor, reason);
    }

    /// <summary>Measures both, in tens of milliseconds: products of the size that a small encoder's layer has.</summary>
    /// <remarks>On one thread: where other programs share the cores, threads that wait for each other measure those programs.</remarks>
    internal static ComputeSpeed Measure()
    {
        var speed = default(ComputeSpeed);
        // libtorch's number of threads belongs to the thread that sets it.
        var thread = new Thread(() =>
        {
            var before = get_num_threads();
            set_num_threads(1);
            speed = MeasureHere();
            set_num_threads(before);
        });
        thread.Start();
        thread.Join();
        return speed;
    }

    private static ComputeSpeed MeasureHere()
    {
        const int rows = 416, inner = 384, columns = 1152;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Tensor x = randn(rows, inner), w = randn(columns, inner);
        Tensor xHalf = x.bfloat16(), wHalf = w.bfloat16();
        var fp32 = Best(x, w);
        // Without hardware for it a bf16 product is hundreds of times slower: a sixteenth of the work tells.
        var bf16 = Best(xHalf.narrow(0, 0, rows / 16), wHalf, repeats: 3);
        return new(fp32, bf16 < fp32 / 4 ? bf16 : Best(xHalf, wHalf));
    }

    // The best of several: noise of other programs only ever adds time.
    private static double Best(Tensor x, Tensor w, int repeats = 8)
    {
        var work = 2.0 * x.shape[0] * x.shape[1] * w.shape[0];
        nn.functional.linear(x, w).Dispose();
        var best = double.MaxValue;
        for (var i = 0; i < repeats; i++)
        {
            var start = Stopwatch.GetTimestamp();
            nn.functional.linear(x, w).Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return work / Math.Max(best, 1e-9) / 1e9;
    }

    internal static string ProcessorName()
    {
        try
        {
            if (File.Exists("/proc/cpuinfo"))
            {
                var lines = File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0).ToArray();
                // Virtual machines hide the model behind names like "AMD EPYC": the extensions tell such models apart.
                var flags = Value(lines, "flags").Split(' ').Where(flag => flag is "avx2" or "avx512f" or "avx512_bf16" or "amx_bf16");
                return $"{Value(lines, "model name")} ({string.Join(' ', flags)})";
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
            ?? $"{RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors";

        static string Value(string[] lines, string name) =>
            lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() ?? "";
    }
}
