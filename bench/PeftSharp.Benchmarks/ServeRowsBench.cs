using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>32 rows with 1 to 32 different adapters, in alternation: median times as multiples of those of 32 rows with one.</summary>
/// <remarks>Beside the time that passed stands the processor's: other programs on the machine touch it less.</remarks>
internal static class ServeRowsBench
{
    private const int Rows = 32;

    private static readonly int[] Counts = [1, 2, 4, 8, 16, 32];

    public static void Run(string folder, int rounds)
    {
        Console.WriteLine($"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors; {rounds} rounds; {Rows} rows");
        Console.WriteLine($"{"adapters",-12} {"tokens",6} {"",-10} {string.Join(' ', Counts.Select(count => $"{count,7}"))}");
        foreach (var tokens in (int[])[13, 64])
        {
            Measure(folder, "lora", new LoraOptions(), tokens, rounds);
            Measure(folder, "bottleneck", new BottleneckOptions(), tokens, rounds);
        }
    }

    private static void Measure(string folder, string name, MethodOptions options, int tokens, int rounds)
    {
        using var model = new PeftModel(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"] }));
        for (var i = 0; i < Rows; i++) model.Add(options, $"{i}", seed: (ulong)i);
        using var batch = Batch(tokens, model.Model.Config.Size("vocab_size"));
        AdapterSelection[] selections =
            [.. Counts.Select(count => model.SelectPerRow([.. Enumerable.Range(0, Rows).Select(row => (string?)$"{row % count}")]))];
        var (passed, used) = (Counts.Select(_ => new List<double>()).ToArray(), Counts.Select(_ => new List<double>()).ToArray());
        for (var round = -2; round < rounds; round++)
            for (var i = 0; i < selections.Length; i++)
            {
                var (watch, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
                model.Forward(batch, selections[i]).Dispose();
                if (round < 0) continue;
                passed[i].Add(watch.Elapsed.TotalMilliseconds);
                used[i].Add((Environment.CpuUsage.TotalTime - before).TotalMilliseconds);
            }
        Print(name, tokens, "time", passed);
        Print(name, tokens, "processor", used);
    }

    private static void Print(string name, int tokens, string what, List<double>[] times)
    {
        var medians = times.Select(list => list.Order().ElementAt(list.Count / 2)).ToArray();
        var ratios = string.Join(' ', medians.Select(median => $"{median / medians[0],6:0.00}x"));
        Console.WriteLine($"{name,-12} {tokens,6} {what,-10} {ratios}   (one adapter: {medians[0]:0.0} ms)");
    }

    private static TokenBatch Batch(int tokens, long vocabulary)
    {
        var ids = Enumerable.Range(0, Rows * tokens).Select(i => 1000 + i * 7919L % (vocabulary - 1000)).ToArray();
        return new() { InputIds = tensor(ids, [Rows, tokens]), AttentionMask = ones(Rows, tokens, int64) };
    }
}
