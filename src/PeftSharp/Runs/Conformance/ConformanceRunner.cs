using System.Diagnostics;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Conformance;

/// <summary>
/// Runs reference cases: logits, loss, gradients, merging, a short training run, counts and saved names, in float32. What misses its
/// tolerance there by no more than a factor of ten may be rounding (T5 does not scale its scores): float64 decides, and the result says so.
/// </summary>
public static class ConformanceRunner
{
    private const double Forward = 1e-5, Gradient = 1e-4, Trajectory = 1e-3, Rounding = 10;

    /// <summary>Runs one case folder. A case that cannot be run has failed; it is never skipped.</summary>
    public static ConformanceResult Run(string folder)
    {
        var watch = Stopwatch.StartNew();
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var quantities = new List<ConformanceQuantity>();
        string? failure = null;
        try
        {
            Interop.LibTorch.EnsureLoaded();
            quantities = Run(folder, ScalarType.Float32);
            var failed = quantities.Where(q => !q.Passed).Select(q => q.Name).ToHashSet();
            if (failed.Count > 0 && quantities.All(q => q.Error <= Rounding * q.Tolerance))
            {
                var exact = Run(folder, ScalarType.Float64).Where(q => failed.Contains(q.Name))
                    .Select(q => q with { Name = $"{q.Name} in float64" });
                quantities = [.. quantities.Where(q => q.Passed), .. exact];
            }
        }
        catch (PeftException e)
        {
            failure = e.Message;
        }
        return new(name, quantities, failure, watch.Elapsed.TotalSeconds);
    }

    private static List<ConformanceQuantity> Run(string folder, ScalarType precision)
    {
        using var scope = NewDisposeScope();
        using var reference = new ConformanceCase(folder);
        var quantities = new List<ConformanceQuantity>();
        new CaseRun(reference, precision, quantities).Run();
        return quantities;
    }

    private sealed class CaseRun(ConformanceCase reference, ScalarType precision, List<ConformanceQuantity> results)
    {
        private readonly PeftModel _model = new(reference.LoadModel(precision));
        private readonly Dictionary<string, double> _gradientNoise = [], _stepNoise = [];

        public void Run()
        {
            using (no_grad()) Outputs("base.", null);
            var adapter = Attach();
            var trained = Trained(adapter);
            Counts(adapter, trained);
            TakeStart(adapter, trained);
            using (no_grad()) Outputs("", adapter);
            if (reference.Has("merged.logits")) Merge(adapter);
            Gradients(adapter, trained);
            if (reference.Has("trajectory.loss")) Train(adapter, trained);
        }

        private static AdapterSelection Selection(PeftMethod adapter) => AdapterSelection.Of(adapter.Tag);

        private PeftMethod Attach()
        {
            if (reference.IsComposition) return new CompositionRun(reference, _model, Forward, results).Run();
            var options = reference.Options.AsReference();
            if (reference.Adapter is not { } folder) return Prepared(_model.Add(options));
            folder.Options = options;
            return folder.LoadInto(_model);
        }

        private PeftMethod Prepared(PeftMethod adapter)
        {
            if (reference.Has("in.labels")) new TrainableAdapter(_model, adapter).Prepare(new CaseBatch(reference), 0);
            return adapter;
        }

        /// <summary>The trained tensors under the names of the reference library.</summary>
        private Dictionary<string, Tensor> Trained(PeftMethod adapter) => adapter.Tensors
            .ToDictionary(t => Plain(adapter.Layout(reference.Format).ReferenceName(adapter, t)), t => t.Value);

        // Live names of peft carry the adapter's name and the place of saved modules; a case without peft has bare names.
        private static string Plain(string name)
        {
            if (name.StartsWith("base_model.model.", StringComparison.Ordinal)) name = name["base_model.model.".Length..];
            else if (name.StartsWith("base_model.", StringComparison.Ordinal)) name = name["base_model.".Length..];
            return name.Replace(".modules_to_save.default", "", StringComparison.Ordinal).Replace(".default", "", StringComparison.Ordinal);
        }

        private void Outputs(string prefix, PeftMethod? adapter)
        {
            if (!reference.Has($"{prefix}logits")) return;
            using var scope = NewDisposeScope();
            var batch = reference.Batch(adapter is not null);
            var output = _model.Forward(batch, adapter is null ? AdapterSelection.None : Selection(adapter));
            results.Add(TensorComparison.Of($"{prefix}logits", Forward, [("logits", output.Logits, reference[$"{prefix}logits"])]));
            if (reference.Has($"{prefix}loss"))
                results.Add(
                    TensorComparison.Of(
                        $"{prefix}loss", Forward,
                        [("loss", adapter is null ? Loss(output, batch).Mean : Loss(adapter), reference[$"{prefix}loss"])]));
        }

        private void Merge(PeftMethod adapter)
        {
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            var batch = reference.Batch(false);
            var before = _model.Forward(batch, AdapterSelection.None).Logits;
            _model.Merge(adapter.Name);
            results.Add(
                TensorComparison.Of(
                    "merged.logits", Forward,
                    [("logits", _model.Forward(batch, AdapterSelection.None).Logits, reference["merged.logits"])]));
            _model.Unmerge();
            var after = _model.Forward(batch, AdapterSelection.None).Logits;
            results.Add(new("unmerged", before.equal(after).all().item<bool>() ? 0 : double.PositiveInfinity, 0, null));
        }

        // Key biases, and the biases of heads that a softmax over positions follows, have a gradient of exactly zero in theory:
        // float32 leaves rounding noise there (a few units in the last place of the largest gradient), and Adam, which divides
        // by the gradient's own size, turns it into steps of up to rate · noise / eps.
        private void FindZeroGradients(List<string> names)
        {
            var largest = names.Max(n => TensorComparison.Largest(reference[n]));
            var noise = 8 * Math.Pow(2, -23) * largest;
            var optimizer = reference.Json["optimizer"] as JsonObject ?? [];
            double Setting(string field, double fallback) => optimizer[field]?.GetValue<double>() ?? fallback;
            foreach (var name in names.Where(n => TensorComparison.Largest(reference[n]) <= noise))
            {
                _gradientNoise[name] = noise;
                _stepNoise[$"final.{name["grad.".Length..]}"] =
                    Setting("steps", 0) * Setting("lr", 1e-3) * Math.Min(1, noise / Setting("eps", 1e-8));
            }
        }

        private Tensor Loss(PeftMethod adapter, StepState step = default)
        {
            var context = new ForwardContext { Selection = Selection(adapter), Trained = adapter.Tag };
            BatchLoss Forward(ForwardContext call) => Loss(_model.Model.Forward(reference.Batch(true), call), reference.Batch(true));
            return adapter.ComputeLoss(Forward(context), new LossCall(step, context, Forward)).Mean;
        }

        // The reference takes padded positions for places where an answer can start, so no mask is given.
        private BatchLoss Loss(ModelOutput output, TokenBatch batch) => _model.Model.Head.Loss(output, batch.Labels!);

        private void Gradients(PeftMethod adapter, Dictionary<string, Tensor> trained)
        {
            var expected = reference.Names.Where(n => n.StartsWith("grad.", StringComparison.Ordinal)).ToList();
            if (expected.Count == 0) return;
            using var scope = NewDisposeScope();
            AutogradFailures.Backward(Loss(adapter));
            FindZeroGradients(expected);
            results.Add(
                TensorComparison.Of(
                    "grad", Gradient,
                    [.. expected.Select(n => (n, trained.GetValueOrDefault(Plain(n["grad.".Length..]))?.grad, reference[n]))],
                    _gradientNoise));
            foreach (var value in adapter.Tensors.Select(t => t.Value)) value.grad = null;
        }

        // Where the file holds only what an encoder yields, the trained tensors start from numbers of their own.
        private void TakeStart(PeftMethod adapter, Dictionary<string, Tensor> trained)
        {
            using var guard = no_grad();
            foreach (
                var name in reference.Names.Where(
                    n => n.StartsWith("start.", StringComparison.Ordinal) || n.StartsWith("scores.", StringComparison.Ordinal)))
                if (
                    trained.TryGetValue(
                        Plain(name.StartsWith("start.", StringComparison.Ordinal) ? name["start.".Length..] : name), out var value))
                {
                    value.copy_(reference[name].view_as(value));
                    adapter.EncoderRestored();
                }
        }

        private void Counts(PeftMethod adapter, Dictionary<string, Tensor> trained)
        {
            Count("trainable_parameters", trained.Values.Sum(t => t.numel()));
            if (reference.Json["all_parameters"] is not null) Count("all_parameters", _model.AllWeights(adapter));
            if (reference.Adapter is null) return;
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            using var file = SafetensorsFile.Open(reference.Adapter.WeightsFile);
            var layout = adapter.Layout(reference.Format);
            var written = layout.Write(adapter).ToDictionary(p => p.Key, p => p.Value);
            var missing = file.Tensors.Keys.Except(written.Keys).FirstOrDefault(k => !layout.MayLeaveOut(adapter, k));
            var wrong = missing
                ?? written.FirstOrDefault(
                    p => !file.Tensors.TryGetValue(p.Key, out var info) || !info.Shape.SequenceEqual(p.Value.shape)).Key;
            results.Add(new("saved names", wrong is null ? 0 : double.PositiveInfinity, 0, wrong));
        }

        // Some cases list every tensor after training: those that are not trained must be as they were, but for single entries that are.
        private Tensor? Frozen(PeftMethod adapter, string name) =>
            _model.Model.Sites.Slots.FirstOrDefault(s => s.Name == name) is { } slot ? slot.Replaced(adapter.Tag) ?? slot.Value : null;

        private void Count(string name, long actual)
        {
            if (reference.Json[name] is not JsonValue value) return;
            var expected = value.GetValue<long>();
            results.Add(
                new(
                    name, actual == expected ? 0 : double.PositiveInfinity, 0,
                    actual == expected ? null : $"{actual}, expected {expected}"));
        }

        private void Train(PeftMethod adapter, Dictionary<string, Tensor> trained)
        {
            var run = new ReferenceTraining(reference.Json["optimizer"] as JsonObject ?? [], trained);
            var losses = run.Run(step => Loss(adapter, step), adapter);
            results.Add(TensorComparison.Of("trajectory.loss", Trajectory, [("loss", tensor(losses), reference["trajectory.loss"])]));
            if (reference.Has("grad_norm") || reference.Has("trajectory.grad_norm"))
                results.Add(
                    TensorComparison.Of(
                        "grad_norm", Trajectory,
                        [
                            (
                                "norm", tensor(run.Norms.ToArray()),
                                reference[reference.Has("grad_norm") ? "grad_norm" : "trajectory.grad_norm"]),
                        ]));
            using (no_grad())
            {
                using var scope = NewDisposeScope();
                if (reference.Has("trajectory.logits"))
                    results.Add(
                        TensorComparison.Of(
                            "trajectory.logits", Trajectory,
                            [
                                (
                                    "logits", _model.Forward(reference.Batch(true), Selection(adapter)).Logits,
                                    reference["trajectory.logits"]),
                            ]));
                var finals = reference.Names
                    .Where(n => n.StartsWith("final.", StringComparison.Ordinal) && !n.StartsWith("final.mask.", StringComparison.Ordinal))
                        .ToList();
                if (finals.Count > 0)
                    results.Add(
                        TensorComparison.Of(
                            "final", Trajectory,
                            [
                                .. finals.Select(
                                    n =>
                                        (
                                            n,
                                            trained.GetValueOrDefault(Plain(n["final.".Length..])) ?? Frozen(adapter, n["final.".Length..]),
                                            reference[n])),
                            ],
                            _stepNoise));
            }
        }
    }

    private sealed class CaseBatch(ConformanceCase reference) : IBatchSource
    {
        public int Examples => reference.Batch(true).Rows;

        public int BatchesPerEpoch => 1;

        // The caller disposes what it gets; the case keeps its own.
        public TokenBatch Batch(int epoch, int index)
        {
            var batch = reference.Batch(true);
            return new()
            {
                InputIds = batch.InputIds.clone(),
                AttentionMask = batch.AttentionMask.clone(),
                TokenTypeIds = batch.TokenTypeIds?.clone(),
                Labels = batch.Labels?.clone(),
            };
        }
    }
}
