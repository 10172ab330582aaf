using System.Diagnostics;
using PeftSharp.Interop;
using PeftSharp.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>
/// Products of the shapes of a model's maps, forward (x·Wᵀ) and back to the input (g·W): by what libtorch takes itself, by oneDNN with
/// the weight as it lies, and with weights that were packed beforehand by oneDNN and, in float32, by MKL.
/// </summary>
internal static class ProductsBench
{
    // So many weights in turn, that they come from memory as a model's do.
    private const int Copies = 12;

    /// <param name="folder">A model.</param>
    /// <param name="rounds">How often each is timed; the median counts.</param>
    public static void Run(string folder, int rounds)
    {
        Console.WriteLine(
            $"{ComputeProbe.ProcessorName()}, {get_num_threads()} threads; GFLOP/s, medians of {rounds} × {Copies} products");
        (long Out, long In)[] shapes;
        using (var model = ModelLoader.Load(folder, new ModelOptions()))
            shapes = [.. model.Sites.Projections.Where(p => p.Layer >= 0).Select(p => (p.OutFeatures, p.InFeatures)).Distinct()];
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            foreach (var rows in new[] { 128, 512, 1024 })
                foreach (var (outputs, width) in shapes) One(type, rows, width, outputs, rounds);
    }

    private static void One(ScalarType type, int rows, long width, long outputs, int rounds)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, g, y) = (randn(rows, width).to(type), randn(rows, outputs).to(type), empty(rows, outputs));
        var weights = Enumerable.Range(0, Copies).Select(_ => randn(outputs, width).to(type)).ToArray();
        var turned = weights.Select(weight => weight.t()).ToArray();
        var packed = weights.Select(weight => Packed(weight)).ToArray();
        var fp32 = type == ScalarType.Float32;
        var mkl = fp32 && MklPack.Available ? weights.Select(weight => MklPack.Of(weight, rows)).ToArray() : [];
        List<(string Name, Action<int> Product)> ways =
        [
            ("forward, libtorch", i => nn.functional.linear(x, weights[i]).Dispose()),
            ("oneDNN", i => OneDnn.Linear(x, weights[i]).Dispose()),
            ("oneDNN packed", i => OneDnn.Linear(x, packed[i]).Dispose()),
            ("back, libtorch", i => g.matmul(weights[i]).Dispose()),
            ("oneDNN", i => OneDnn.Linear(g, turned[i]).Dispose()),
        ];
        if (mkl.Length > 0) ways.Insert(3, ("MKL packed", i => MklPack.Multiply(x, mkl[i], y)));
        var times = ways.Select(_ => new double[rounds]).ToArray();
        for (var round = -1; round < rounds; round++)
            for (var way = 0; way < ways.Count; way++)
            {
                var start = Stopwatch.GetTimestamp();
                for (var i = 0; i < Copies; i++) ways[way].Product(i);
                if (round >= 0) times[way][round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        foreach (var memory in mkl) MklPack.Free(memory);
        var work = 2.0 * rows * width * outputs * Copies / 1e9;
        Console.WriteLine($"{(fp32 ? "fp32" : "bf16")} {rows,5} × {width,5} → {outputs,5}: "
            + string.Join(", ", ways.Select((way, i) => $"{way.Name} {work / times[i].Order().ElementAt(rounds / 2):0}")));
    }

    private static Tensor Packed(Tensor weight)
    {
        Span<ulong> stack = [Dispatcher.Of(weight), Dispatcher.Absent];
        Dispatcher.Call("mkldnn::_reorder_linear_weight", "", stack);
        return Dispatcher.Take(stack[0]);
    }
}
