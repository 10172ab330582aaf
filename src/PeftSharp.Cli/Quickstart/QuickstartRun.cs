using System.Diagnostics;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Sites;
using PeftSharp.Tokenization;

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
        var prepared = settings.Training.Prepare(cancellation: cancellation);
        var (train, held, labels) = (prepared.Train, prepared.Held!, prepared.Train.Data.LabelNames!);
        observer.Remark($"Learning from {train.Count} sentences in {labels.Count} classes; {held.Count} others are held out.");
        var evaluator = new Evaluator(prepared.Model, AdapterSelection.Of(prepared.Adapter.Tag), held, prepared.Metrics);
        var untrained = evaluator.Evaluate(cancellation).Values["accuracy"];
        var head = HeadOnly.Accuracy(prepared.Model, train, held, cancellation);
        observer.Remark(
            $"Before: {Percent(untrained)} right with an untrained head, {Percent(head)} with a head trained on the frozen model. Training "
            + "the adapter:");

        var run = prepared.Run(observer, cancellation);
        if (run.Interrupted) throw new OperationCanceledException();
        folder.Create();
        var adapterFolder = Path.Combine(folder.Aside, AdapterName);
        Directory.CreateDirectory(adapterFolder);
        run.WriteTo(adapterFolder);

        var method = MethodRegistry.ByPeftType(run.Adapter.Options.PeftType)!;
        var model = run.Model.Model;
        var document = new JsonObject
        {
            ["quickstart"] = true,
            ["fingerprint"] = fingerprint,
            ["method"] = method.Name,
            ["seed"] = settings.Seed,
            ["train_sentences"] = train.Count,
            ["test_sentences"] = held.Count,
            ["classes"] = labels.Count,
            ["base_weights"] = model.Sites.Count - model.Sites.Slots.Where(s => model.Created.Contains(s.Name)).Sum(s => s.Count),
            ["base_bytes"] = new FileInfo(Path.Combine(QuickstartFiles.Model, "model.safetensors")).Length,
            ["accuracy"] = new JsonObject { ["untrained"] = untrained, ["head_only"] = head, ["trained"] = run.Scores!.Values["accuracy"] },
            ["steps"] = run.Result.Steps,
            ["train_seconds"] = run.Result.TrainingSeconds,
            ["parameters"] = run.Parameters.Json,
            ["adapter_bytes"] = AdapterBytes(adapterFolder),
            ["answers"] = Answers(run, prepared.Tokenizer!, labels),
            ["merge"] = method.Mergeable ? Merge(adapterFolder, held, cancellation) : null,
        };
        Draw(folder.Aside, run, run.Confusion(cancellation)!, labels, method.Name);
        document["seconds"] = _watch.Elapsed.TotalSeconds;
        document["peak_memory_bytes"] = ProcessMemory.Peak;
        var text = JsonText.Text(document);
        File.WriteAllText(Path.Combine(folder.Aside, RunFile.Name), text + "\n");
        folder.Finish();
        return RunFile.TryRead(folder.Target)!.Json; // as a second run reads it
    }

    private static JsonArray Answers(Run run, Tokenizer tokenizer, IReadOnlyList<string> labels) => new([.. Sentences
        .Ask(run.Model, AdapterSelection.Of(run.Adapter.Tag), new TokenizerTextEncoder(tokenizer), labels)
        .Select(a => (JsonNode)new JsonObject { ["text"] = a.Text, ["label"] = a.Label, ["probability"] = a.Probability })]);

    private static JsonObject Merge(string adapter, TokenizedDataset held, CancellationToken cancellation)
    {
        var check = MergeCheck.Run(adapter, held, cancellation);
        return new() { ["largest_difference"] = check.LargestDifference, ["equal_answers"] = check.EqualAnswers, ["rows"] = check.Rows };
    }

    // The pictures are a bonus: a system may lack what drawing needs.
    private void Draw(string folder, Run run, ConfusionMatrix matrix, IReadOnlyList<string> labels, string method)
    {
        try
        {
            ConfusionPlot.Write(
                Path.Combine(folder, "confusion.png"), matrix, labels,
                $"{method}: {Percent(matrix.Accuracy)} of {matrix.Total} held-out sentences right");
            CurvePlot.Write(Path.Combine(folder, "loss.png"), run.Curves);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException)
        {
            observer.Remark($"The pictures were not drawn ({e.GetType().Name}).");
        }
    }

    private static long AdapterBytes(string folder) => Directory.GetFiles(folder, "*.safetensors").Sum(f => new FileInfo(f).Length);

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
}
