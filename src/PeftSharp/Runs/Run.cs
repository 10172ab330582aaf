using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs.Joint;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Scores;
using PeftSharp.Runs.Training;
using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>A training run that has ended: the adapter with its model, what was measured, and how to write it.</summary>
public sealed class Run : IDisposable
{
    private readonly RunInputs? _inputs;
    private readonly TrainSettings? _settings;
    private readonly TrainingResult? _result;
    private readonly IReadOnlyList<string> _log;
    private readonly RunObserver _observer;

    internal Run(
        RunInputs inputs, TrainSettings settings, JsonObject document, TrainingResult result, EvaluationResult? scores,
        TrainingCurves curves, IReadOnlyList<string> log, RunObserver observer)
    {
        (_inputs, _settings, Document, _result, Scores, Curves, _log, _observer) =
            (inputs, settings, document, result, scores, curves, log, observer);
    }

    private Run(string folder, JsonObject document)
    {
        (Folder, Document, Curves, _log, _observer) = (folder, document, new(), [], RunObserver.None);
    }

    /// <summary>The folder that the results were written to; null for a run in memory.</summary>
    public string? Folder { get; internal set; }

    /// <summary>True if an earlier process had come to the run's end: there was nothing to go on with, and no model is loaded.</summary>
    public bool WasFinished => _inputs is null;

    /// <summary>True if it was cancelled before its end.</summary>
    public bool Interrupted => _result?.Stopped == true;

    /// <summary>True if it was cancelled and can be taken up after its last step (<see cref="Resume"/>).</summary>
    public bool CanGoOn { get; internal set; }

    /// <summary>Steps, times and the best step.</summary>
    /// <exception cref="PeftException">An earlier process had finished the run (<see cref="WasFinished"/>).</exception>
    public TrainingResult Result => _result ?? throw Absent();

    /// <summary>The scores of the adapter as it is; null where there are no rows to score on, or the run was cancelled since.</summary>
    public EvaluationResult? Scores { get; }

    /// <summary>Names of the tasks of a joint run; empty for a run with one.</summary>
    /// <exception cref="PeftException">An earlier process had finished the run.</exception>
    public IReadOnlyList<string> Tasks => Inputs.Tasks;

    /// <summary>
    /// Makes an ordinary adapter of <see cref="Model"/> of what a joint run has learnt for a task, under the task's name, to be selected,
    /// saved or merged like any other.
    /// </summary>
    /// <param name="task">One of <see cref="Tasks"/>.</param>
    /// <exception cref="PeftException">There is no such task, or its name is taken.</exception>
    public PeftMethod Extract(string task) => Inputs is JointInputs joint ? joint.Extract(task)
        : throw new PeftException($"The run has one task; there is none called \"{task}\" to extract.");

    /// <summary>Losses and scores by step.</summary>
    public TrainingCurves Curves { get; }

    /// <summary>How many weights were trained.</summary>
    /// <exception cref="PeftException">An earlier process had finished the run.</exception>
    public ParameterCount Parameters => Inputs.Parameters;

    /// <summary>The model with the adapter on it; disposed with the run.</summary>
    /// <exception cref="PeftException">An earlier process had finished the run.</exception>
    public PeftModel Model => Inputs.Model;

    /// <summary>The adapter, of a joint run what its tasks share; disposed with the run.</summary>
    /// <exception cref="PeftException">An earlier process had finished the run.</exception>
    public PeftMethod Adapter => Inputs.Adapter;

    /// <summary>
    /// True classes of the held-out rows against answers, which are asked for anew; null where there are none, numbers, or several tasks.
    /// </summary>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="PeftException">An earlier process had finished the run.</exception>
    public ConfusionMatrix? Confusion(CancellationToken cancellation = default) =>
        Inputs is not TrainInputs { Held: { } held } inputs || inputs.Evaluator() is not { } evaluator || held.Data.LabelNames is null
            ? null
            : Scoring.Confusion(evaluator.Outputs(cancellation), held.Data);

    /// <summary>Why the run seems to have learnt nothing, or why nobody knows, with the next thing to try; null where it learnt.</summary>
    public string? LearningRemark { get; internal init; }

    /// <summary>What run.json holds: settings, counts, scores, times. Yours to change; what is written stays as it was.</summary>
    public JsonObject Report => (JsonObject)Document.DeepClone();

    internal JsonObject Document { get; }

    /// <summary>
    /// Goes on with a run that was cut off, from its last saved state; its end is that of a run that never stopped, bit for bit.
    /// </summary>
    /// <param name="folder">The folder that the run was to write (<c>output_dir</c>).</param>
    /// <param name="observer">Watches it. Default: nobody.</param>
    /// <param name="cancellation">Stops it after a step; it can be taken up again.</param>
    /// <exception cref="PeftException">There is no such run, or something that it depends on has changed since.</exception>
    public static Run Resume(string folder, RunObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return FineTuning.For(Caller.Program).Set("output_dir", folder).Resuming().AsStarted().Run(observer, cancellation);
    }

    /// <summary>
    /// Writes the adapter with its tokenizer, run.json, the training log and its proof; the folder appears whole or not at all.
    /// </summary>
    /// <param name="folder">Where to; a folder that does not exist yet, or is empty.</param>
    /// <param name="overwrite">True replaces what an earlier run wrote there. Default: false.</param>
    /// <exception cref="OutputRefusedException">The folder holds what must not be replaced.</exception>
    /// <exception cref="PeftException">It cannot be written, or an earlier process had finished the run.</exception>
    public void Save(string folder, bool overwrite = false)
    {
        var options = new OutputOptions
        {
            Overwrite = overwrite,
            OverwriteName = "overwrite: true",
            WrittenBy = _settings?.Caller.Name ?? "",
            Remark = _observer.Remark,
        };
        string?[] read =
        [
            Inputs.Base.Folder, _settings?.Data, _settings?.EvalData, _settings?.Adapter, .. FusedAdapters.Names(_settings?.Fuse),
            .. _settings?.Tasks.SelectMany(t => t.Paths) ?? [],
        ];
        using var output = OutputFolder.Plan(folder, options, read);
        output.Create();
        WriteTo(output.Aside);
        output.Finish();
    }

    /// <summary>Lets go of the model and the rows.</summary>
    public void Dispose() => _inputs?.Dispose();

    /// <summary>A run of which only the results are left.</summary>
    internal static Run Earlier(string folder) =>
        new(folder, RunFile.TryRead(folder)?.Json ?? throw new PeftException($"{folder} has no {RunFile.Name}; start the run anew."));

    internal RunInputs Inputs => _inputs ?? throw Absent();

    /// <summary>
    /// Writes all files of the results into a folder that is being made (<see cref="OutputFolder.Aside"/>), beside others of one's own;
    /// <see cref="Save"/> makes the folder too.
    /// </summary>
    /// <param name="aside">The folder, which exists.</param>
    /// <exception cref="PeftException">They cannot be written, or an earlier process had finished the run.</exception>
    public void WriteTo(string aside)
    {
        if (Inputs.Model.Model is { HasOwnPooling: true } apart)
            _observer.Remark($"pooling {apart.Card.Pooling.ToString().ToLowerInvariant()}: Hugging Face's class has another, so "
                + "Python's libraries refuse this adapter or leave its head out, rather than answer otherwise; for Python, merge it.");
        var log = Path.Combine(aside, TrainLoop.LogName);
        if (!File.Exists(log)) AtomicFile.WriteText(log, string.Concat(_log.Select(line => line + "\n")));
        foreach (var (name, content) in _observer.Attachments(Curves)) File.WriteAllBytes(Path.Combine(aside, name), content);
        AtomicFile.WriteText(Path.Combine(aside, RunFile.Name), JsonText.Text(Document) + "\n");
        Inputs.WriteTo(aside, _observer);
    }

    private PeftException Absent() =>
        new(
            $"The run in {Folder} was finished by an earlier process, so no model is loaded; load its adapter with Predictor.Load or "
            + "LoadedModel.Open.");
}
