using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>
/// A step of sparse training whose backward pass gives the kept entries alone, against one that computes the gradient of whole tensors and
/// picks them out of it; in turns, in one process.
/// </summary>
internal static class SparseStepBench
{
    public static void Run(string folder, double keep, int rows, int tokens, int rounds)
    {
        var options = new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"], Compute = ComputeType.Float32 };
        using var model = new PeftModel(ModelLoader.Load(folder, options));
        var fish = (SparseMethod)model.Add(new FishOptions { Keep = keep });
        new TrainableAdapter(model, fish).Prepare(new RandomExamples(16, tokens), 0);
        var sparse = new Variant("kept entries", model, fish.Tag, [.. fish.Places.Select(p => p.Values.Value)]);
        var tag = new AdapterTag("dense");
        var copies = fish.Places.Select(p => Dense(p.Slot, p.Positions, tag)).ToList();
        var dense = new Variant("whole tensors", model, tag, copies);
        using var batch = RandomTexts.Batch(rows, tokens, 1);
        foreach (var variant in (Variant[])[sparse, dense]) variant.Step(batch);
        for (var round = 0; round < rounds; round++)
            foreach (var variant in (Variant[])[dense, sparse]) variant.Step(batch);
        var kept = fish.Places.Sum(p => p.Positions.numel());
        Console.WriteLine($"{kept:N0} of {model.Model.Sites.Count:N0} weights, {rows} × {tokens} tokens");
        foreach (var variant in (Variant[])[dense, sparse])
            Console.WriteLine(
                $"{variant.Name,-14} {variant.Median,8:0.0} ms, {variant.Median / dense.Median:0.00} of the step with whole tensors; "
                + $"{variant.Growth >> 20:N0} MB at the peak of a step");
    }

    private static Tensor Dense(Slot slot, Tensor positions, AdapterTag tag)
    {
        var start = slot.Value.reshape(-1).index_select(0, positions).detach().clone();
        var values = start.requires_grad_(true).DetachFromDisposeScope();
        slot.ReplaceTensor(tag, (value, _) => value.reshape(-1).scatter(0, positions, values).reshape(value.shape));
        return values;
    }

    private sealed class Variant(string name, PeftModel model, AdapterTag tag, IReadOnlyList<Tensor> values)
    {
        private readonly AdamW _optimizer = new([.. values.Select((v, i) => new TrainableParameter($"{i}", v, false))]);
        private readonly List<double> _times = [];
        private long _step;

        public string Name => name;

        public double Median => _times.Order().ElementAt(_times.Count / 2);

        public long Growth { get; private set; }

        public void Step(TokenBatch batch)
        {
            NativeHeap.Trim();
            ResidentMemory.Reset();
            var before = ResidentMemory.Now;
            var start = Stopwatch.GetTimestamp();
            using (NewDisposeScope())
            {
                var state = new StepState(_step, 0, 1000, (ulong)_step++, 1e-4);
                var call = new ForwardContext
                {
                    Selection = AdapterSelection.Of(tag),
                    Training = true,
                    Step = state,
                    Seed = state.Seed,
                    BaseDropout = false,
                };
                AutogradFailures.Backward(model.Model.Loss(batch, call).Mean);
                _optimizer.Step(1e-4);
                _optimizer.ZeroGrad();
            }
            var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            // The first step makes what is made once.
            if (_step == 1) return;
            _times.Add(time);
            Growth = Math.Max(Growth, ResidentMemory.Peak - before);
        }
    }
}
