using System.Diagnostics;
using PeftSharp.Interop.Kernels;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>Some entries of a weight's gradient one by one, against the product of all and a choice from it; in turns.</summary>
internal static class EntryDotsBench
{
    public static void Run(int rounds)
    {
        (int, int, int)[] shapes = [(64, 384, 384), (416, 384, 1536), (2048, 384, 1536), (1024, 2048, 2048)];
        foreach (var (tokens, width, outputs) in shapes)
        {
            using var scope = NewDisposeScope();
            var (gradient, x) = (randn(tokens, outputs), randn(tokens, width));
            foreach (var share in (double[])[0.005, 0.02, 0.05, 0.1, 0.2])
            {
                var weights = (long)width * outputs;
                var entries = randperm(weights).narrow(0, 0, (long)(share * weights)).sort().Values;
                var (single, whole) = (new List<double>(), new List<double>());
                for (var round = 0; round <= rounds; round++)
                {
                    single.Add(Time(gradient, x, entries, 1));
                    whole.Add(Time(gradient, x, entries, -1));
                }
                var (one, all) = (single.Skip(1).Min(), whole.Skip(1).Min());
                Console.WriteLine(
                    $"{tokens} tokens, {width} -> {outputs}, share {share:0.000}: one by one {one:0.00} ms, all {all:0.00} ms, "
                    + $"{one / all:0.00}");
            }
        }
    }

    private static double Time(Tensor gradient, Tensor x, Tensor entries, double mostShare)
    {
        var start = Stopwatch.GetTimestamp();
        EntryDots.Of(gradient, x, entries, mostShare).Dispose();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
