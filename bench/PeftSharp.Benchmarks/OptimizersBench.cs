using System.Diagnostics;
using PeftSharp.Interop;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>One update by each optimizer, by turns, nothing paged out: AdamW's state in memory, in a mapped file, in eight bits.</summary>
internal static class OptimizersBench
{
    /// <param name="millions">Millions of trained weights, in square tensors of a million.</param>
    /// <param name="rounds">Updates of each that are timed; the median counts.</param>
    public static void Run(int millions, int rounds)
    {
        string[] names = ["adamw_torch", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"];
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var sets = names.Select(_ => Enumerable.Range(0, millions)
            .Select(i => new TrainableParameter($"w{i}", randn(1024, 1024).requires_grad_(), true)).ToArray()).ToArray();
        var optimizers = names.Select((name, i) =>
            OptimizerKind.Create(sets[i], new TrainerOptions { Optimizer = name, StateFolder = folder.Path })).ToArray();
        foreach (var parameter in sets.SelectMany(set => set)) parameter.Value.grad = randn(1024, 1024);
        var times = names.Select(_ => new List<double>()).ToArray();
        for (var round = -2; round < rounds; round++)
            for (var i = 0; i < names.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                using (no_grad()) optimizers[i].Step(1e-4);
                if (round >= 0) times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        double Median(int i) => times[i].Order().ElementAt(rounds / 2);
        Console.WriteLine($"{ComputeProbe.ProcessorName()}, {get_num_threads()} threads; {millions} × 2²⁰ weights");
        for (var i = 0; i < names.Length; i++)
            Console.WriteLine($"{names[i],-18} {Median(i),8:0.0} ms an update  {Median(i) / Median(0):0.00} × AdamW");
        foreach (var optimizer in optimizers) optimizer.Dispose();
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("peftsharp-bench-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
