using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>
/// 1, 10, 100 and 1,000 adapters resident on one base: memory of one, time to switch, and 32 rows with 32 adapters against 32 rows with
/// one.
/// </summary>
/// <remarks>A process for each method gives the memory of that method alone: run it with the method's name.</remarks>
internal static class ResidentBench
{
    private const int Rows = 32, Tokens = 64;

    private static readonly int[] Counts = [1, 10, 100, 1000];

    public static void Run(string folder, string method, int rounds)
    {
        Console.WriteLine($"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors; {method}; {rounds} rounds");
        Console.WriteLine($"{Rows} rows of {Tokens} tokens");
        using var model = new PeftModel(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"] }));
        using var batch = Batch(model.Model.Config.Size("vocab_size"));
        Console.WriteLine(
            $"{"adapters",8} {"tensors/adapter",16} {"memory/adapter",15} {"add",9} {"select",9} {"one",9} {"other each",10} "
            + $"{"32 rows of 32",14}");
        model.Forward(batch, AdapterSelection.None).Dispose();
        var (start, startCount) = (Memory(), 0);
        foreach (var count in Counts)
        {
            var adding = Stopwatch.StartNew();
            for (var i = model.Adapters.Count; i < count; i++) model.Add(MethodRegistry.Options(method), $"{i}", seed: (ulong)i);
            var (added, each) = (adding.Elapsed.TotalMilliseconds / (count - startCount), (Memory() - start) / count);
            startCount = count;
            var bytes = model.Adapters.Values.Average(a => a.Tensors.Sum(t => t.Value.numel() * t.Value.element_size()));
            var select = Median(rounds, round => model.Select($"{round % count}"));
            var one = Median(rounds, _ => model.Forward(batch, model.Select("0")).Dispose());
            // Another adapter for each call: what switching costs, caches included.
            var other = Median(rounds, round => model.Forward(batch, model.Select($"{(round * 37 + 11) % count}")).Dispose());
            var rows = Median(rounds, round => model.Forward(batch, Mixed(model, count, round)).Dispose());
            Console.WriteLine(
                $"{count,8} {bytes / 1024,13:0.0} KB {each / 1024.0,12:0.0} KB {added,6:0.00} ms "
                + $"{1000 * select,6:0.0} us {one,6:0.0} ms {other / one,9:0.00}x {rows / one,13:0.00}x");
        }
    }

    private static AdapterSelection Mixed(PeftModel model, int count, int round) =>
        model.SelectPerRow([.. Enumerable.Range(0, Rows).Select(row => (string?)$"{(row * 31 + round) % count}")]);

    private static double Median(int rounds, Action<int> work)
    {
        var times = new List<double>();
        for (var round = -2; round < rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            work(round + 2);
            if (round >= 0) times.Add(watch.Elapsed.TotalMilliseconds);
        }
        return times.Order().ElementAt(times.Count / 2);
    }

    private static long Memory()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static TokenBatch Batch(long vocabulary)
    {
        var ids = Enumerable.Range(0, Rows * Tokens).Select(i => 1000 + i * 7919L % (vocabulary - 1000)).ToArray();
        return new() { InputIds = tensor(ids, [Rows, Tokens]), AttentionMask = ones(Rows, Tokens, int64), Unpadded = true };
    }
}
