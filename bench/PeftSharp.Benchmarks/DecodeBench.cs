using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Generation;
using PeftSharp.Interop;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>A decoder's next token against the memory's bandwidth: layers one by one, in one pass, and the products alone.</summary>
/// <remarks>All are measured in turn in one run, and the best of several is taken: other work on the machine adds to the rest.</remarks>
internal static class DecodeBench
{
    private const int Rounds = 3;

    /// <summary>Prints a line for each form of the weights.</summary>
    /// <param name="folder">The model's folder or GGUF file.</param>
    /// <param name="tokens">Tokens that are written in each round, at least three.</param>
    /// <param name="threads">Threads; null for as many as libtorch uses by itself.</param>
    public static void Run(string folder, int tokens, int? threads)
    {
        var used = TorchThreads.Configure(threads);
        var bandwidth = Bandwidth();
        Console.WriteLine(
            $"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors, {used} threads; memory read at "
            + $"{bandwidth / 1e9:0.0} GB/s, measured anew before each line; milliseconds a token, the least");
        (string, ModelOptions)[] variants =
        [
            ("blocks", new()), ("fp32", new() { Unpack = true }), ("bf16", new() { Unpack = true, Compute = ComputeType.BFloat16 }),
            ("nf4", new() { Unpack = true, Quantize = new Nf4Options() }),
        ];
        foreach (var (name, options) in variants)
        {
            using var model = new PeftModel(ModelLoader.Load(folder, options with { Task = TaskKind.CausalLanguage }));
            Print(name, model, AdapterSelection.None, tokens);
            if (name != "blocks") continue;
            model.Add(new LoraOptions { TargetModules = new("all-linear"), Rank = 8 }, "a", 1);
            Print("  + LoRA", model, model.Select("a"), tokens);
        }
    }

    private static void Print(string name, PeftModel model, AdapterSelection selection, int tokens)
    {
        var bytes = Bytes(model);
        var decoding = (model.Model as LlamaModel)?.Decoding;
        var (bandwidth, slow, fast, products) = (0.0, double.MaxValue, double.MaxValue, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            bandwidth = Math.Max(bandwidth, Bandwidth());
            foreach (var isOn in (bool[])[false, true])
            {
                if (decoding is not null) decoding.IsOn = isOn;
                var least = Write(model, selection, tokens);
                if (isOn) fast = Math.Min(fast, least);
                else slow = Math.Min(slow, least);
            }
            products = Math.Min(products, Products(model, tokens));
        }
        var floor = bytes / bandwidth;
        Console.WriteLine(
            $"{name,-9} {bytes / 1e6,4:0} MB  floor {floor * 1e3,5:0.0}  layers one by one {slow * 1e3,5:0.0} = {floor / slow:P0}  "
            + $"one pass {fast * 1e3,5:0.0} = {floor / fast:P0} ({decoding?.Steps} calls)  products alone {products * 1e3,5:0.0}");
    }

    // Bytes of the weights that a token reads, as they are stored.
    private static double Bytes(PeftModel model)
    {
        var sites = model.Model.Sites;
        var bytes = (double)sites.Projections.Sum(p => p.Weight is TiedSlot tied ? tied.BytesRead : p.Weight.Bytes);
        if (!sites.Projections.Any(p => p.Path == "lm_head")) bytes += sites.Embeddings[0].Table.Base.NumberOfElements * 4.0;
        return bytes;
    }

    // The least time of a token.
    private static double Write(PeftModel model, AdapterSelection selection, int tokens)
    {
        var prompt = Enumerable.Range(100, 16).ToArray();
        var generation = new GenerationOptions { MaxNewTokens = tokens, EndIds = [] };
        using var session = new TokenGenerator(model).Open([prompt], generation, selection, out _);
        var loop = new TokenLoop(session, generation, [], tokens);
        loop.Next();
        loop.Next();
        return Enumerable.Range(0, tokens - 2).Min(_ => Time(() => loop.Next()));
    }

    // The least time of every map's product with one row of inputs, one after the other.
    private static double Products(PeftModel model, int rounds)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var context = new ForwardContext();
        var stores = model.Model.Sites.Projections.Select(site => site.Weight.Get(context)).ToArray();
        if (stores.Any(store => store is not IRowProduct { HasRows: true })) return double.NaN;
        var inputs = stores.Select(store => store.InFeatures).Distinct().ToDictionary(width => width, width => randn(1, 1, width));
        void All()
        {
            using var call = NewDisposeScope();
            foreach (var store in stores) FewRows.Try([store], inputs[store.InFeatures]);
        }
        All();
        return Enumerable.Range(0, rounds).Min(_ => Time(All));
    }

    private static double Time(Action work)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    // Bytes a second of a sum over more than any cache holds.
    private static double Bandwidth()
    {
        using var scope = NewDisposeScope();
        var numbers = ones(1L << 26);
        return numbers.NumberOfElements * 4.0 / Enumerable.Range(0, 8).Min(_ => Time(() => numbers.sum().Dispose()));
    }
}
