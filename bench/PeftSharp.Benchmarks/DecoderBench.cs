using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Generation;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>
/// A decoder's LoRA step on 4 rows of 256 tokens against the matrix-product peak, and its next token against the memory's bandwidth.
/// </summary>
internal static class DecoderBench
{
    private const int Rows = 4, Tokens = 256;

    /// <summary>LoRA of rank 8 on every linear map: forward, backward and AdamW, every token learnt.</summary>
    public static void Step(string folder, int rounds, string? only)
    {
        var (fp32, bf16) = (Peak(ScalarType.Float32), Peak(ScalarType.BFloat16));
        Console.WriteLine(
            $"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors; "
            + $"matrix-product peak: fp32 {fp32:0}, bf16 {bf16:0} GFLOP/s");
        List<(string Name, ModelOptions Options, double Peak, bool Checkpointing)> variants =
        [
            ("fp32", new() { Unpack = true }, fp32, false),
            ("fp32, checkpointing", new() { Unpack = true }, fp32, true),
            ("blocks, fp32", new(), fp32, false),
        ];
        if (bf16 > fp32)
        {
            variants.Add(("bf16", new() { Unpack = true, Compute = ComputeType.BFloat16 }, bf16, false));
            variants.Add(("blocks, bf16", new() { Compute = ComputeType.BFloat16 }, bf16, false));
        }
        foreach (var (name, options, peak, checkpointing) in variants.Where(v => only is null || v.Name == only))
        {
            using var training = new CausalStep(
                folder, null, options.Compute, Rows, Tokens, rank: 8, checkpointing: checkpointing, unpack: options.Unpack,
                baseDropout: false);
            training.Run();
            var times = Enumerable.Range(0, rounds).Select(_ => training.Run().Milliseconds / 1e3).Order().ToArray();
            var (seconds, useful) = (times[rounds / 2], training.Work / times[rounds / 2] / 1e9);
            Console.WriteLine(
                $"{name,-20} {seconds,6:0.00} s  {Rows * Tokens / seconds,5:0} tokens/s  "
                + $"{useful,4:0} GFLOP/s useful = {useful / peak:P0} of its peak; "
                + $"process peak {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:0} MB");
        }
    }

    /// <summary>Greedy tokens one by one, the time of each as a share of what reading the stored weights takes.</summary>
    public static void Decode(string folder, int tokens)
    {
        var bandwidth = Bandwidth();
        Console.WriteLine(
            $"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors; memory read at {bandwidth / 1e9:0.0} GB/s");
        foreach (var (name, options) in new (string, ModelOptions)[] { ("blocks", new()), ("fp32", new() { Unpack = true }) })
        {
            using var model = new PeftModel(ModelLoader.Load(folder, options with { Task = TaskKind.CausalLanguage }));
            var sites = model.Model.Sites;
            var bytes = (double)sites.Projections.Sum(p => p.Weight is TiedSlot tied ? tied.BytesRead : p.Weight.Bytes);
            if (!sites.Projections.Any(p => p.Path == "lm_head")) bytes += sites.Embeddings[0].Table.Base.NumberOfElements * 4.0;
            var prompt = Enumerable.Range(100, 16).ToArray();
            var generation = new GenerationOptions { MaxNewTokens = tokens, EndIds = [] };
            using var session = new TokenGenerator(model).Open([prompt], generation, AdapterSelection.None, out _);
            var loop = new TokenLoop(session, generation, [], tokens);
            loop.Next();
            loop.Next();
            var times = Enumerable.Range(0, tokens - 2).Select(_ => Time(() => loop.Next())).Order().ToArray();
            var (median, floor) = (times[times.Length / 2], bytes / bandwidth);
            Console.WriteLine(
                $"{name,-8} {bytes / 1e6,6:0} MB  {median * 1e3,6:0.0} ms a token, floor {floor * 1e3:0.0} ms = {floor / median:P0}");
        }
    }

    private static double Time(Action work)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Peak(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (x, w) = (randn(Rows * Tokens, 576).to(type), randn(1536, 576).to(type));
        var best = double.MaxValue;
        var begun = Stopwatch.StartNew();
        for (var i = 0; i < 200 && begun.Elapsed.TotalSeconds < 5; i++)
            best = Math.Min(best, Time(() => nn.functional.linear(x, w).Dispose()));
        return 2.0 * Rows * Tokens * 576 * 1536 / best / 1e9;
    }

    // Bytes a second of a sum over more than any cache holds.
    private static double Bandwidth()
    {
        using var scope = NewDisposeScope();
        var numbers = ones(1L << 27);
        return numbers.NumberOfElements * 4.0 / Enumerable.Range(0, 12).Min(_ => Time(() => numbers.sum().Dispose()));
    }
}
