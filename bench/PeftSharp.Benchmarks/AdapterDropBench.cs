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
/// AdapterDrop: the time of a training step and of inference with the lowest layers free of adapters, as shares of those with all layers.
/// </summary>
internal static class AdapterDropBench
{
    private const int Rows = 32, Tokens = 64;

    private static readonly string[] Methods = ["pfeiffer", "houlsby", "lora"];

    public static void Run(string folder, int rounds)
    {
        Console.WriteLine($"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors; {rounds} rounds");
        Console.WriteLine($"{Rows} rows of {Tokens} tokens");
        foreach (var method in Methods) Measure(folder, method, rounds);
    }

    private static void Measure(string folder, string method, int rounds)
    {
        using var model = new PeftModel(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"] }));
        var adapter = model.Add(MethodRegistry.Options(method));
        using var batch = Batch(model.Model.Config.Size("vocab_size"));
        int[] dropped = [.. Enumerable.Range(0, model.Model.Layers + 1)];
        var (steps, answers) = (dropped.Select(_ => new List<double>()).ToArray(), dropped.Select(_ => new List<double>()).ToArray());
        for (var round = -2; round < rounds; round++)
            for (var i = 0; i < dropped.Length; i++)
            {
                var selection = AdapterSelection.Of(adapter.Tag).With(LayerDrop.Lowest(dropped[i]));
                var step = Time(() => Step(model, adapter, batch, selection));
                var answer = Time(() => model.Forward(batch, selection).Dispose());
                if (round < 0) continue;
                steps[i].Add(step);
                answers[i].Add(answer);
            }
        Console.WriteLine($"{method,-10} {"layers",-8} {string.Join(' ', dropped.Select(n => $"{n,6}"))}");
        Print("step", steps);
        Print("answer", answers);
    }

    private static void Step(PeftModel model, PeftMethod adapter, TokenBatch batch, AdapterSelection selection)
    {
        using var scope = NewDisposeScope();
        model.Model.Loss(batch, new() { Selection = selection, Training = true, BaseDropout = false }).Mean.backward();
        foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
    }

    private static double Time(Action work)
    {
        var watch = Stopwatch.StartNew();
        work();
        return watch.Elapsed.TotalMilliseconds;
    }

    private static void Print(string what, List<double>[] times)
    {
        var medians = times.Select(list => list.Order().ElementAt(list.Count / 2)).ToArray();
        var ratios = string.Join(' ', medians.Select(median => $"{median / medians[0],5:0.00}x"));
        Console.WriteLine($"{"",-10} {what,-8} {ratios}   (all layers: {medians[0]:0.0} ms)");
    }

    private static TokenBatch Batch(long vocabulary)
    {
        var ids = Enumerable.Range(0, Rows * Tokens).Select(i => 1000 + i * 7919L % (vocabulary - 1000)).ToArray();
        return new()
        {
            InputIds = tensor(ids, [Rows, Tokens]),
            AttentionMask = ones(Rows, Tokens, int64),
            Labels = zeros(Rows, int64),
            Unpadded = true
        };
    }
}
