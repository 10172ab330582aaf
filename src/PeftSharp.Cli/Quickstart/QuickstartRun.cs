using System.Diagnostics;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Scores;
using PeftSharp.Runs.Training;
using PeftSharp.Sites;
using PeftSharp.Training;

namespace PeftSharp.Cli.Quickstart;

/// <summary>Trains on the embedded model and data, and writes a folder of results that appears whole or not at all.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="remarks">Where remarks go.</param>
internal sealed class QuickstartRun(QuickstartSettings settings, ConsoleObserver observer)
{
    private const string AdapterName = "adapter";

    private readonly Stopwatch _watch = Stopwatch.StartNew();

    /// <summary>Runs everything; returns what run.json holds.</summary>
    public JsonObject Run(string fingerprint, OutputFolder folder, CancellationToken cancellation)
    {
        var options = settings.Options;
        var training = settings.Training(options);
        var inputs = TrainInputs.Load(training, options, null, new RunObserver(), cancellation);
        var held = inputs.Held!;
        observer.Remark(
            $"Learning from {inputs.Train.Count} sentences in {inputs.Rows.Labels!.Count} classes; {held.Count} others are held out.");
        var evaluator = new KeptOutputs(new Evaluator(inputs.Model, AdapterSelection.Of(inputs.Adapter.Tag), held, inputs.Metrics));
        var untrained = evaluator.Evaluate(cancellation).Values["accuracy"];
        var head = HeadOnly.Accuracy(inputs.Model, inputs.Train, held, cancellation);
        observer.Remark(
            $"Before: {Percent(untrained)} right with an untrained head, {Percent(head)} with a head trained on the frozen model. Training "
            + "the adapter:");

        folder.Create();
        var adapterFolder = Path.Combine(folder.Aside, AdapterName);
        Directory.CreateDirectory(adapterFolder);
        var (result, curves) = Train(inputs, training, evaluator, adapterFolder, cancellation);
        if (result.Stopped) throw new OperationCanceledException();
        var (outputs, score) = (evaluator.Outputs!, evaluator.Result!);
        AdapterFolder.Save(inputs.Adapter, adapterFolder, inputs.Format);
        inputs.Tokenizer!.Save(adapterFolder);
        var run = RunDocument.Create(training, inputs, result, score, curves, _watch.Elapsed.TotalSeconds);
        File.WriteAllText(Path.Combine(adapterFolder, RunFile.Name), JsonText.Text(run) + "\n");
        ProofWriter.AfterTraining(inputs, adapterFolder, observer);

        var document = new JsonObject
        {
            ["quickstart"] = true,
            ["fingerprint"] = fingerprint,
            ["method"] = inputs.Method.Name,
            ["seed"] = settings.Seed,
            ["train_sentences"] = inputs.Train.Count,
            ["test_sentences"] = held.Count,
            ["classes"] = inputs.Rows.Labels.Count,
            ["base_weights"] = inputs.Model.Model.Sites.Count - inputs.Model.Model.Sites.Slots
                .Where(s => inputs.Model.Model.Created.Contains(s.Name))
                .Sum(s => s.Count),
            ["base_bytes"] = new FileInfo(Path.Combine(QuickstartFiles.Model, "model.safetensors")).Length,
            ["accuracy"] = new JsonObject { ["untrained"] = untrained, ["head_only"] = head, ["trained"] = score.Values["accuracy"] },
            ["steps"] = result.Steps,
            ["train_seconds"] = result.TrainingSeconds,
            ["parameters"] = inputs.Parameters.Json,
            ["adapter_bytes"] = AdapterBytes(adapterFolder),
            ["answers"] = Answers(inputs),
            ["merge"] = inputs.Method.Mergeable ? Merge(adapterFolder, held, cancellation) : null,
        };
        Draw(folder.Aside, curves, Scoring.Confusion(outputs, held.Data), inputs);
        document["seconds"] = _watch.Elapsed.TotalSeconds;
        document["peak_memory_bytes"] = ProcessMemory.Peak;
        var text = JsonText.Text(document);
        File.WriteAllText(Path.Combine(folder.Aside, RunFile.Name), text + "\n");
        folder.Finish();
        return RunFile.TryRead(folder.Target)!.Json; // as a second run reads it
    }

    private (TrainingResult, TrainingCurves) Train(
        TrainInputs inputs, TrainSettings training, KeptOutputs evaluator, string folder, CancellationToken cancellation)
    {
        var batches = new PlannedBatches(
            inputs.Train, new BatchPlan(inputs.Train.Lengths, training.BatchSize, BatchOrder.Bucketed, training.Seed));
        var curves = new TrainingCurves(observer);
        using var log = new JsonLinesLog(Path.Combine(folder, "training_log.jsonl"));
        var model = new TrainableAdapter(inputs.Model, inputs.Adapter, new ForwardOptions { BaseDropout = training.BaseDropout });
        using var trainer = new Trainer(model, batches, training.ForTrainer(inputs.IsFull, scored: true), evaluator, log, curves);
        return (observer.During(RunStage.Training, "training", () => trainer.Run(cancellation)), curves);
    }

    private static JsonArray Answers(TrainInputs inputs) => new([.. Sentences
        .Ask(inputs.Model, AdapterSelection.Of(inputs.Adapter.Tag), new TokenizerTextEncoder(inputs.Tokenizer!), inputs.Rows.LabelNames!)
        .Select(a => (JsonNode)new JsonObject { ["text"] = a.Text, ["label"] = a.Label, ["probability"] = a.Probability })]);

    private static JsonObject Merge(string adapter, TokenizedDataset held, CancellationToken cancellation)
    {
        var check = MergeCheck.Run(adapter, held, cancellation);
        return new() { ["largest_difference"] = check.LargestDifference, ["equal_answers"] = check.EqualAnswers, ["rows"] = check.Rows };
    }

    // The pictures are a bonus: a system may lack what drawing needs.
    private void Draw(string folder, TrainingCurves curves, ConfusionMatrix matrix, TrainInputs inputs)
    {
        try
        {
            ConfusionPlot.Write(
                Path.Combine(folder, "confusion.png"), matrix, inputs.Rows.LabelNames!,
                $"{inputs.Method.Name}: {Percent(matrix.Accuracy)} of {matrix.Total} held-out sentences right");
            CurvePlot.Write(Path.Combine(folder, "loss.png"), curves);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException)
        {
            observer.Remark($"The pictures were not drawn ({e.GetType().Name}).");
        }
    }

    private static long AdapterBytes(string folder) => Directory.GetFiles(folder, "*.safetensors").Sum(f => new FileInfo(f).Length);

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
}
