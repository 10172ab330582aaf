using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>Forward, backward and fused AdamW of LoRA (rank 8, query and value) on batches of 32 × 13 tokens, SST-2's shape.</summary>
internal static class StepBench
{
    private const int Rows = 32, Tokens = 13, Rounds = 8, Steps = 8;

    public static void Run(string folder)
    {
        var (fp32, bf16) = Peaks();
        Console.WriteLine($"{Environment.ProcessorCount} processors; matrix-product peak: fp32 {fp32:0}, bf16 {bf16:0} GFLOP/s");
        var variants = WorthIt(fp32, bf16)
            .SelectMany(compute => new[] { true, false }.SelectMany(dropout => Ways(compute).Select(
                oneDnn => new Variant(folder, compute, dropout, null, oneDnn)))).ToArray();
        foreach (var v in Interleaved(variants))
            Console.WriteLine(
                $"{v,-38} {v.Median,6:0.0} ms  {Rows / v.Median * 1000,5:0} samples/s  {v.Useful,4:0} GFLOP/s useful = "
                + $"{v.Useful / (v.Compute == ComputeType.Float32 ? fp32 : bf16):P0} of its peak");
    }

    public static void RunNf4(string folder)
    {
        var (fp32, bf16) = Peaks();
        foreach (var compute in WorthIt(fp32, bf16))
        {
            var variants = Interleaved(
                [
                    new(folder, compute, false, null), new(folder, compute, false, new Nf4Options()),
                    new(folder, compute, false, new Nf4Options(64, true)),
                ]);
            foreach (var v in variants) Console.WriteLine($"{v,-38} {v.Median,6:0.0} ms  {v.Median / variants[0].Median:0.00} × dense");
        }
    }

    // Who computes products in float32: libtorch's own choice, and oneDNN where it can be called.
    private static bool?[] Ways(ComputeType compute) =>
        compute == ComputeType.Float32 && OneDnn.Available ? [false, true] : [null];

    // Every variant in every round, so that a disturbance meets all of them.
    private static Variant[] Interleaved(Variant[] variants)
    {
        foreach (var v in variants) v.Measure(10, keep: false);
        for (var round = 0; round < Rounds; round++)
            foreach (var v in variants) v.Measure(Steps, keep: true);
        return variants;
    }

    // Without instructions for it, a bf16 step takes minutes.
    private static ComputeType[] WorthIt(double fp32, double bf16) =>
        bf16 < fp32 / 4 ? [ComputeType.Float32] : [ComputeType.Float32, ComputeType.BFloat16];

    private static (double Fp32, double Bf16) Peaks() =>
        (ProductPeak.Of(Rows * Tokens, 384, 1152, ScalarType.Float32), ProductPeak.Of(Rows * Tokens, 384, 1152, ScalarType.BFloat16));

    private sealed class Variant
    {
        private readonly TrainableAdapter _training;
        private readonly AdamW _optimizer;
        private readonly TokenBatch _batch;
        private readonly List<double> _times = [];
        private readonly double _work;
        private readonly string _name;
        private readonly bool? _oneDnn;
        private long _step;

        public Variant(string folder, ComputeType compute, bool dropout, Nf4Options? quantize, bool? oneDnn = null)
        {
            (Compute, _oneDnn) = (compute, oneDnn);
            _name = $"{compute}, dropout {(dropout ? "on" : "off")}{(quantize is null ? "" : quantize.Double ? ", NF4 double" : ", NF4")}"
                + oneDnn switch { null => "", true => ", oneDNN", false => ", MKL" };
            var model = new PeftModel(
                ModelLoader.Load(
                    folder,
                    new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"], Compute = compute, Quantize = quantize }));
            var adapter = model.Add(new LoraOptions { Alpha = 16, Dropout = 0.1 });
            _training = new(model, adapter, new ForwardOptions { BaseDropout = dropout });
            _optimizer = new(_training.Parameters, weightDecay: 0.01);
            // Forward and input gradients of the layers' products (four operations a weight and token), as if the last layer were full.
            var layers = model.Model.Sites.Projections.Where(p => p.Layer >= 0).Sum(p => p.InFeatures * p.OutFeatures);
            _work = 4.0 * layers * Rows * Tokens;
            _batch = new()
            {
                InputIds = randint(1000, 20000, new long[] { Rows, Tokens }, dtype: ScalarType.Int64),
                AttentionMask = ones([Rows, Tokens], dtype: ScalarType.Int64),
                Labels = randint(0, 2, new long[] { Rows }, dtype: ScalarType.Int64),
                Unpadded = true,
                RealTokens = Rows * Tokens,
            };
        }

        public ComputeType Compute { get; }

        public double Median => _times.Order().ElementAt(_times.Count / 2);

        public double Useful => _work / Median / 1e6;

        public void Measure(int steps, bool keep)
        {
            DenseProduct.Forced = _oneDnn;
            for (var i = 0; i < steps; i++)
            {
                var start = Stopwatch.GetTimestamp();
                using (NewDisposeScope())
                {
                    AutogradFailures.Backward(_training.Loss(_batch, new StepState(_step, 0, 1000, (ulong)_step++, 1e-4)).Mean);
                    _optimizer.Step(1e-4);
                    _optimizer.ZeroGrad();
                }
                if (keep) _times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        public override string ToString() => _name;
    }
}
