using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>
/// Many calls from several threads, in no dispose scope, while adapters are loaded, added, merged and removed: resident memory by quarter,
/// and every answer compared.
/// </summary>
internal static class ServeBench
{
    private const int Threads = 8, Batches = 16;

    public static void Run(string folder, int calls)
    {
        TorchThreads.Configure(1);
        NativeHeap.ShareOneArena();
        using var model = new PeftModel(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"] }));
        string[] names = ["one", "two", "five labels"];
        foreach (var name in names) Disturb(model.Add(new LoraOptions(), name, outputs: name == "five labels" ? 5 : null));
        AdapterSelection[] selections =
            [
                model.Select("one"), model.Select("two"), model.Select("five labels"),
                model.SelectPerRow(["one", "five labels", null, "two"]),
            ];
        var batches = Enumerable.Range(0, Batches).Select(i => Batch(i, model.Model)).ToArray();
        var expected = selections.Select(s => batches.Select(b => Ask(model, b, s)).ToArray()).ToArray();
        var saved = Directory.CreateTempSubdirectory("peftsharp-serve-").FullName;
        try
        {
            AdapterFolder.Save(model.Adapters["one"], saved, AdapterFormat.Peft);
            Measure(
                model, calls, saved, i => Ask(model, batches[i % Batches], selections[i % selections.Length]),
                i => expected[i % selections.Length][i % Batches]);
        }
        finally
        {
            Directory.Delete(saved, recursive: true);
            foreach (var batch in batches) batch.Dispose();
        }
    }

    private static void Measure(PeftModel model, int calls, string saved, Func<int, float[]> ask, Func<int, float[]> expected)
    {
        var (next, wrong, changes) = (-1, 0, 0);
        var largest = 0.0;
        var quarter = Math.Max(1, calls / 4);
        var watch = Stopwatch.StartNew();
        Print("start", 0);
        using var over = new CancellationTokenSource();
        var changer = new Thread(() =>
        {
            for (; !over.IsCancellationRequested; changes++)
            {
                AdapterFolder.Open(saved).LoadInto(model, "loaded");
                model.Add(new LoraOptions { Rank = 16 }, "added");
                model.Rename("added", "renamed");
                model.Remove("renamed");
                model.Remove("loaded");
            }
        });
        changer.Start();
        var askers = Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < calls;)
            {
                var distance = ask(i).Zip(expected(i), (a, b) => a == b ? 0 : Math.Abs((double)a - b)).Max();
                if (!(distance <= 1e-6)) Interlocked.Increment(ref wrong);
                lock (over) largest = Math.Max(largest, distance);
                if ((i + 1) % quarter == 0) Print($"{i + 1:N0} calls", watch.Elapsed.TotalSeconds);
            }
        })).ToArray();
        foreach (var thread in askers) thread.Start();
        foreach (var thread in askers) thread.Join();
        over.Cancel();
        changer.Join();
        Print("end", watch.Elapsed.TotalSeconds);
        Console.WriteLine(
            $"{calls:N0} answers compared, {wrong} other than a single thread's (largest difference {largest:E1}); adapters loaded, added, "
            + $"renamed and removed {changes:N0} times");
    }

    private static void Print(string when, double seconds) =>
        Console.WriteLine($"{when,-14} {Environment.WorkingSet >> 20,6} MB resident, {Tensor.TotalCount,6} tensors, {seconds,7:0.0} s");

    // Updates that start at zero would answer as the base does.
    private static void Disturb(PeftMethod adapter)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        for (var i = 0; i < adapter.Tensors.Count; i++)
        {
            var value = adapter.Tensors[i].Value;
            value.copy_(Initial.Normal(value.shape, 0.05, (ulong)i));
        }
    }

    private static float[] Ask(PeftModel model, TokenBatch batch, AdapterSelection selection)
    {
        using var output = model.Forward(batch, selection);
        return output.Logits.data<float>().ToArray();
    }

    // Four rows of 8 to 68 tokens (or as many as the model takes), those after the first padded.
    private static TokenBatch Batch(int index, TransformerModel model)
    {
        const int rows = 4;
        var (tokens, vocabulary) = (Math.Min(8 + index * 4, model.MaxTokens), model.Config.Size("vocab_size"));
        var (ids, mask) = (new long[rows * tokens], new long[rows * tokens]);
        for (var i = 0; i < ids.Length; i++)
        {
            var real = i % tokens < Math.Max(4, tokens - 3 * (i / tokens));
            (ids[i], mask[i]) = real ? (1 + (i * 7919L + index) % (vocabulary - 1), 1) : (0, 0);
        }
        return new TokenBatch { InputIds = tensor(ids, [rows, tokens]), AttentionMask = tensor(mask, [rows, tokens]) };
    }
}
