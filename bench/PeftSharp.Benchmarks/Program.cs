using PeftSharp.Training.Optimizers;
using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

PeftSharp.Interop.LibTorch.EnsureLoaded();
set_num_threads(2);
double Peak(ScalarType t) { using var s = NewDisposeScope(); var a = randn(416, 384).to(t); var w = randn(1152, 384).to(t); for (int i = 0; i < 20; i++) nn.functional.linear(a, w).Dispose(); var best = double.MaxValue; for (int r = 0; r < 20; r++) { var sw = Stopwatch.StartNew(); for (int i = 0; i < 20; i++) nn.functional.linear(a, w).Dispose(); best = Math.Min(best, sw.Elapsed.TotalSeconds / 20); } return 2.0 * 416 * 384 * 1152 / best / 1e9; }
var (p32, p16) = (Peak(ScalarType.Float32), Peak(ScalarType.BFloat16));
Console.WriteLine($"peaks fp32 {p32:F0} bf16 {p16:F0} GFLOP/s");
foreach (var compute in new[] { ComputeType.Float32, ComputeType.BFloat16 })
foreach (var drop in new[] { true, false })
{
    var model = new PeftModel(ModelLoader.Load(args[0], new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"], Compute = compute }));
    var adapter = model.Add(new LoraOptions { Alpha = 16, Dropout = 0.1 });
    var train = new TrainableAdapter(model, adapter, new ForwardOptions { BaseDropout = drop });
    var opt = new AdamW(train.Parameters, 0.9, 0.999, 1e-8, 0.01);
    int rows = 32, tokens = 13;
    using var ids = randint(1000, 20000, new long[] { rows, tokens }, dtype: ScalarType.Int64); using var mask = ones_like(ids); using var labels = randint(0, 2, new long[] { rows }, dtype: ScalarType.Int64);
    var batch = new TokenBatch { InputIds = ids, AttentionMask = mask, Labels = labels, Unpadded = true, RealTokens = rows * tokens };
    var times = new List<double>();
    for (int i = 0; i < 60; i++)
    {
        var sw = Stopwatch.StartNew();
        using (var scope = NewDisposeScope())
        {
            var loss = train.Loss(batch, new StepState(i, 0, 100, (ulong)i, 1e-4));
            loss.backward(); opt.Step(5e-4); opt.ZeroGrad();
        }
        if (i >= 20) times.Add(sw.Elapsed.TotalMilliseconds);
    }
    times.Sort(); var ms = times[times.Count / 2];
    var useful = 42e6 * rows * tokens / (ms / 1e3) / 1e9;
    Console.WriteLine($"{compute} dropout {drop}: {ms:F1} ms median, min {times[0]:F1}; {rows / ms * 1000:F0} samples/s; {useful:F0} GFLOP/s = {useful / (compute == ComputeType.Float32 ? p32 : p16):P0}");
}
