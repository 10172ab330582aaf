using System.Globalization;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Runs.Joint;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;
using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>
/// A training run, described step by step: <c>FineTuning.Of(model).With(method).On(rows).HoldOut(0.1).RunAsync()</c>. Descriptions are
/// immutable: every member returns another one, so that runs can share a beginning. What is not said has the defaults of <c>peft train</c>,
/// whose every setting is reached by its key in a recipe (<see cref="Set"/>).
/// </summary>
public sealed partial class FineTuning
{
    private readonly Action<TrainSettings>[] _changes;

    internal FineTuning(params Action<TrainSettings>[] changes) => _changes = changes;

    // Settings of the method that win over the recipe's.
    private IReadOnlyList<KeyValuePair<string, string>> MethodChanges { get; init; } = [];

    private Caller Caller { get; init; } = Caller.Program;

    private bool TakenUpAsStarted { get; init; }

    /// <summary>A run that a program of one's own asks for, such as a tool or a service, of which nothing is said yet.</summary>
    /// <param name="caller">How that program calls settings in messages, and how it signs what is written.</param>
    public static FineTuning For(Caller caller) => new() { Caller = caller ?? throw new ArgumentNullException(nameof(caller)) };

    /// <summary>A run on a base model; the method is LoRA until another is named.</summary>
    /// <param name="baseModel">A Hugging Face folder, or owner/name of the hub.</param>
    public static FineTuning Of(string baseModel)
    {
        ArgumentException.ThrowIfNullOrEmpty(baseModel);
        return new FineTuning(settings => settings.DefaultMethod = "lora").Set("base_model", baseModel);
    }

    /// <summary>Trains with a method.</summary>
    /// <param name="method">Its settings.</param>
    public FineTuning With(MethodOptions method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return And(settings => GivenMethod.Apply(settings, method));
    }

    /// <summary>Trains with a method by any of its names.</summary>
    /// <param name="method">A name, an alias, a preset, or several of them as one: <c>lora|seq_bn</c>.</param>
    public FineTuning With(string method) => Set("method", method);

    /// <summary>
    /// Goes on training an adapter that was saved, on this run's rows: its method and settings, and its head, which classes with new names
    /// extend.
    /// </summary>
    /// <param name="adapter">Its folder, or owner/name of the hub.</param>
    public FineTuning Continue(string adapter) => Set("adapter", adapter);

    /// <summary>
    /// Trains a fusion of adapters that were saved, on top of them (AdapterFusion): they act and stay as they are. The result is a folder
    /// with a composition, which is taken wherever an adapter's is.
    /// </summary>
    /// <param name="adapters">Their folders, or owner/name of the hub, in order; a stack is written <c>stack(a,b)</c>.</param>
    public FineTuning Fuse(params IReadOnlyList<string> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        return Set("fuse", string.Join(",", adapters.Select(one => AdapterExpression.Parse(one).ToString())));
    }

    /// <summary>
    /// Leaves the adapter out of the lowest layers in each step, of so many as are drawn from 0 to <paramref name="most"/> (AdapterDrop):
    /// it then serves with any number of them left out (<see cref="LoadOptions.DropLayers"/>).
    /// </summary>
    public FineTuning DropLayers(int most) => Set("adapter_drop", most.ToString(CultureInfo.InvariantCulture));

    /// <summary>Passes over the rows; fractions are allowed. Default: 3.</summary>
    public FineTuning Epochs(double epochs) => Set("num_train_epochs", Number(epochs));

    /// <summary>Optimizer steps, instead of epochs.</summary>
    public FineTuning Steps(int steps) => Set("max_steps", steps.ToString(CultureInfo.InvariantCulture));

    /// <summary>The highest learning rate. Default: 5e-4, or 2e-5 where the whole model is trained.</summary>
    public FineTuning Rate(double rate) => Set("learning_rate", Number(rate));

    /// <summary>Rows a batch. Default: 16.</summary>
    public FineTuning Batch(int rows) => Set("per_device_train_batch_size", rows.ToString(CultureInfo.InvariantCulture));

    /// <summary>Most tokens a row. Default: 128, or what the model takes.</summary>
    public FineTuning MaxLength(int tokens) => Set("max_length", tokens.ToString(CultureInfo.InvariantCulture));

    /// <summary>Seed of everything random. Default: 42.</summary>
    public FineTuning Seed(ulong seed) => Set("seed", seed.ToString(CultureInfo.InvariantCulture));

    /// <summary>Any setting by its key in a recipe, such as <c>warmup_ratio</c>, or of the method, such as <c>lora_alpha</c>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value as a recipe would have it.</param>
    /// <exception cref="SettingsException">The value is out of range.</exception>
    public FineTuning Set(string key, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(value);
        if (TrainKeys.Find(key) is not { } known)
        {
            ArgumentException.ThrowIfNullOrEmpty(value);
            return And(settings => settings.SetOfMethod(key, value));
        }
        // Refused here, where the program that gives it stands.
        var where = Caller.Setting(key);
        known.Apply(new TrainSettings(), value, where);
        return And(settings => known.Apply(settings, value, where));
    }

    /// <summary>A setting of the method, which wins over the recipe's and may be called as a run's is.</summary>
    /// <param name="name">Its name, as <c>peft methods METHOD</c> lists it.</param>
    /// <param name="value">The value: JSON, or a plain text.</param>
    public FineTuning SetMethod(string name, string value) => Same(_changes, [.. MethodChanges, new(name, value)]);

    /// <summary>Takes the settings of a recipe over; what is said afterwards wins.</summary>
    /// <param name="file">The file, YAML of at most 1 MB.</param>
    public FineTuning FromRecipe(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        return And(settings => RecipeFile.Apply(file, settings));
    }

    /// <summary>
    /// Writes the result into a folder, which appears whole or not at all; states to go on from are saved while the run lasts.
    /// </summary>
    /// <param name="folder">A folder that does not exist yet, or is empty.</param>
    /// <param name="overwrite">True replaces what an earlier run wrote there. Default: false.</param>
    public FineTuning To(string folder, bool overwrite = false) =>
        Set("output_dir", folder).Set("overwrite_output_dir", overwrite ? "true" : "false");

    /// <summary>
    /// Goes on with the run of the output folder if it was cut off, and starts it otherwise. Needed for rows in memory; for files,
    /// <see cref="Run.Resume"/> suffices.
    /// </summary>
    public FineTuning Resuming() => Set("resume_from_checkpoint", "true");

    /// <summary>
    /// Lets a run that is gone on with be told what it was started with: its settings need not be said again, and what is said wins.
    /// </summary>
    public FineTuning AsStarted() => new(_changes) { Caller = Caller, MethodChanges = MethodChanges, TakenUpAsStarted = true };

    /// <summary>True if the run is to be tried and not made (<c>dry_run</c>).</summary>
    /// <exception cref="PeftException">A recipe cannot be read.</exception>
    public bool IsDryRun => Settings().DryRun;

    /// <summary>True if a run that was cut off is to be gone on with.</summary>
    /// <exception cref="PeftException">A recipe cannot be read.</exception>
    public bool IsResumed => Settings().Resume;

    /// <summary>Trains on a thread of its own.</summary>
    /// <param name="progress">Hears of every optimizer step. Default: nobody.</param>
    /// <param name="cancellation">Stops after a step; the run then returns as interrupted, or is cancelled if there was no step
    /// yet.</param>
    /// <exception cref="PeftException">Something does not fit, before the first step; or the result could not be written.</exception>
    public Task<Run> RunAsync(IProgress<StepReport>? progress = null, CancellationToken cancellation = default) =>
        RunAsync(progress is null ? RunObserver.None : new StepObserver(progress), cancellation);

    /// <summary>Trains on a thread of its own.</summary>
    /// <param name="observer">Watches it, from that thread.</param>
    /// <param name="cancellation">As above.</param>
    public Task<Run> RunAsync(RunObserver observer, CancellationToken cancellation = default) =>
        Task.Factory.StartNew(() => Run(observer, cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Trains.</summary>
    /// <param name="observer">Watches it. Default: nobody.</param>
    /// <param name="cancellation">Stops after a step; the run then returns as interrupted.</param>
    /// <exception cref="PeftException">Something does not fit, before the first step; or the result could not be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before its first step.</exception>
    public Run Run(RunObserver? observer = null, CancellationToken cancellation = default) => Job(observer).Execute(cancellation);

    /// <summary>Tells what the run would count, need and write, after some of its steps; writes nothing.</summary>
    /// <param name="observer">Hears remarks. Default: nobody.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="PeftException">The run itself would be refused.</exception>
    public DryRun Try(RunObserver? observer = null, CancellationToken cancellation = default) => Job(observer).Try(cancellation);

    /// <summary>Loads and checks everything for a run in memory, so that it can be looked at before it is trained.</summary>
    /// <param name="observer">Hears what was found. Default: nobody.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="PeftException">Something does not fit, or an output folder is named.</exception>
    public PreparedRun Prepare(RunObserver? observer = null, CancellationToken cancellation = default) =>
        Job(observer).Prepare(cancellation);

    private TrainingRun Job(RunObserver? observer)
    {
        var settings = Settings();
        if (TakenUpAsStarted && settings is { Resume: true, Out: { } folder })
        {
            // A recipe that this program did not leave there is not even read.
            OutputFolder.Look(folder, Caller.Output).Dispose();
            var saved = new TrainSettings { Caller = Caller };
            // Where what is said now makes a difference, the checkpoint is refused.
            if (SavedRecipe.TryApply(RunFolder.Of(folder), saved)) settings = Settings(saved);
        }
        return new(settings, MethodChanges, observer ?? RunObserver.None);
    }

    private TrainSettings Settings(TrainSettings? start = null)
    {
        var settings = start ?? new TrainSettings { Caller = Caller };
        settings.Recipe = null; // one that was saved with a run is not the user's
        foreach (var change in _changes) change(settings);
        return settings;
    }

    private FineTuning And(Action<TrainSettings> change) => Same([.. _changes, change], MethodChanges);

    private FineTuning Same(Action<TrainSettings>[] changes, IReadOnlyList<KeyValuePair<string, string>> methodChanges) =>
        new(changes) { Caller = Caller, MethodChanges = methodChanges, TakenUpAsStarted = TakenUpAsStarted };

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
