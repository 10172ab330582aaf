using System.Diagnostics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Chooses between fp32 and bfloat16 products, and who computes those in fp32, by measuring them once per processor.</summary>
internal static class ComputeProbe
{
    /// <summary>How many times faster bfloat16 must be to be worth its lower precision.</summary>
    public const double ClearlyFaster = 1.3;

    /// <summary>
    /// How many times faster oneDNN must be in float32 to be taken. One thread with one weight at hand shows less of its lead (1.06 to 1.33
    /// times where a step is 1.1 to 1.5 times as fast), and where both are alike either will do.
    /// </summary>
    public const double FasterFp32 = 1.03;

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
        return Decide(Speed(processor, cachePath), processor);
    }

    /// <summary>True if this processor's products in float32 are faster by oneDNN than by MKL, measured or read.</summary>
    public static bool OneDnnIsFaster()
    {
        LibTorch.EnsureLoaded();
        return OneDnn.Available && OneDnnIsFaster(Speed(ProcessorName(), ComputeCache.DefaultPath));
    }

    internal static bool OneDnnIsFaster(ComputeSpeed speed) => speed.OneDnnGflops > FasterFp32 * speed.Fp32Gflops;

    private static ComputeSpeed Speed(string processor, string? cachePath)
    {
        var key = $"{processor}, libtorch {__version__}, both ways in fp32";
        if (ComputeCache.Read(cachePath, key) is { } known) return known;
        var speed = Measure();
        ComputeCache.Write(cachePath, key, speed);
        return speed;
    }

    internal static ComputeChoice Decide(ComputeSpeed speed, string processor)
    {
        var (fp32, maker) = OneDnnIsFaster(speed) ? (speed.OneDnnGflops, " (by oneDNN)") : (speed.Fp32Gflops, "");
        var ratio = speed.Bf16Gflops / fp32;
        var type = ratio > ClearlyFaster ? ComputeType.BFloat16 : ComputeType.Float32;
        var reason = string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"bf16 products run at {speed.Bf16Gflops:0} GFLOP/s a core, fp32 products at {fp32:0}{maker}: "
            + $"{(type == ComputeType.BFloat16 ? "bf16 is clearly faster" : "fp32 is as good or better")}.");
        return new(type, fp32, speed.Bf16Gflops, processor, reason);
    }

    /// <summary>Measures all of them, in a tenth of a second: products of the size that a small encoder's layer has.</summary>
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
        Tensor x = randn(rows, inner), w = randn(columns, inner), y = randn(rows, columns), turned = w.t();
        Tensor xHalf = x.bfloat16(), wHalf = w.bfloat16();
        var work = 2.0 * rows * inner * columns / 1e9;
        var fp32 = 2 * work / (Best(() => nn.functional.linear(x, w)) + Best(() => y.matmul(w)));
        // Without hardware for it a bf16 product is hundreds of times slower: a sixteenth of the work tells.
        var part = xHalf.narrow(0, 0, rows / 16);
        var bf16 = work / 16 / Best(() => nn.functional.linear(part, wHalf), repeats: 3);
        if (bf16 >= fp32 / 4) bf16 = work / Best(() => nn.functional.linear(xHalf, wHalf));
        var oneDnn = OneDnn.Available ? 2 * work / (Best(() => OneDnn.Linear(x, w)) + Best(() => OneDnn.Linear(y, turned))) : 0;
        return new(fp32, bf16, oneDnn);
    }

    // Seconds, the best of several: noise of other programs only ever adds time.
    private static double Best(Func<Tensor> product, int repeats = 8)
    {
        product().Dispose();
        var best = double.MaxValue;
        for (var i = 0; i < repeats; i++)
        {
            var start = Stopwatch.GetTimestamp();
            product().Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return Math.Max(best, 1e-9);
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
