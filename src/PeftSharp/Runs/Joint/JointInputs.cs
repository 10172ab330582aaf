using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs.Identity;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Scores;
using PeftSharp.Runs.Sources;
using PeftSharp.Runs.Training;
using PeftSharp.Runs.Trunk;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Joint;

/// <summary>What a run with several tasks works on: one adapter that they share, and a head for each.</summary>
internal sealed class JointInputs : RunInputs
{
    public required SharedAdapter Shared { get; init; }

    public required IReadOnlyList<TaskData> Data { get; init; }

    /// <summary>See <see cref="TaskSchedule"/>.</summary>
    public required double Temperature { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tasks => [.. Data.Select(task => task.Name)];

    /// <inheritdoc/>
    public override ParameterCount Parameters =>
        ParameterCount.Of(Model, [.. Shared.Tasks.SelectMany(task => task.Adapters).Distinct()]);

    /// <inheritdoc/>
    public override bool IsScored => Data.Any(task => task.Held is not null);

    /// <inheritdoc/>
    public override int MaxLength => Data.Max(task => task.Train.Origin.MaxLength);

    /// <summary>Makes an ordinary adapter of what was learnt for a task.</summary>
    public PeftMethod Extract(string task)
    {
        var at = Data.Select(data => data.Name).ToList().IndexOf(task);
        return at >= 0 ? Shared.Extract(at)
            : throw new PeftException($"There is no task \"{task}\"; there are {string.Join(", ", Tasks)}.");
    }

    /// <inheritdoc/>
    public override IBatchSource BatchesFor(TrainSettings settings, TrunkCache? trunk)
    {
        var order = settings.Order == "bucketed" ? BatchOrder.Bucketed : BatchOrder.Shuffled;
        return new JointBatches(
            [.. Data.Select(task => new PlannedBatches(task.Train, new(task.Train.Lengths, settings.BatchSize, order, settings.Seed)))],
            Temperature, settings.Seed);
    }

    /// <inheritdoc/>
    public override JointAdapters Trained(TrainSettings settings, int quiet = 0) => new(Model, Shared.Tasks, Forward(settings, quiet));

    /// <inheritdoc/>
    public override IEvaluator? Evaluator(TrunkCache? trunk = null)
    {
        if (!IsScored) return null;
        IEvaluator Of(int task, TokenizedDataset held) =>
            new Evaluator(Model, Shared.Tasks[task].Selection, held, Data[task].Metrics) { Source = new TaskRows(held, task) };
        return new JointEvaluator(
        [
            .. Data.Select((task, i) => (task.Name, Scorer: task.Held is { } held ? Of(i, held) : null))
                .Where(task => task.Scorer is not null)
                .Select(task => KeyValuePair.Create(task.Name, task.Scorer!)),
        ]);
    }

    /// <inheritdoc/>
    public override RunFingerprint Identity(TrainSettings settings, TrainerOptions options, int quiet)
    {
        var rows = Data.SelectMany(task => RunIdentity.OfRows(task.Train, task.Held)
            .Append(new("metric", task.Metrics.Primary))
            .Select(field => KeyValuePair.Create($"{field.Key} of task {task.Name}", field.Value)));
        var order = settings.Order == "bucketed" ? BatchOrder.Bucketed : BatchOrder.Shuffled;
        KeyValuePair<string, string> temperature = new("sampling_temperature", Temperature.ToString("R", CultureInfo.InvariantCulture));
        return RunIdentity.Of(
            Model, Adapter, options, settings.BatchSize, order, rows.Append(temperature), Forward(settings, quiet), null, Base.Folder,
            null);
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, JsonNode?> Told(EvaluationResult? final)
    {
        var shares = TaskSchedule.SharesOf([.. Data.Select(task => task.Train.Count)], Temperature);
        return new Dictionary<string, JsonNode?>
        {
            ["problem"] = "joint",
            ["task"] = null,
            ["labels"] = null,
            ["columns"] = null,
            ["data"] = null,
            ["tasks"] = new JsonArray([.. Data.Select((task, i) => (JsonNode)task.Json(shares[i], final))]),
        };
    }

    /// <inheritdoc/>
    public override string? LearningRemark(
        TrainSettings settings, TrainingResult result, EvaluationResult? final, TrainingCurves curves)
    {
        // A loss of all tasks together says nothing of any of them.
        var remarks = Data.Select(task => (task.Name, Remark: task.ScoresIn(final) is { } scores
            ? Training.LearningRemark.Of(settings, task.Rows.Train, task.Rows.Held, IsFull, result, scores, curves)
            : null)).Where(task => task.Remark is not null).ToList();
        return remarks.Count == 0 ? null : string.Join(" ", remarks.Select(task => $"Task {task.Name}: {task.Remark}"));
    }

    /// <inheritdoc/>
    /// <remarks>A folder for each task, beside them what they share in a file; where tasks have the same adapter and no heads, that
    /// alone.</remarks>
    public override void WriteTo(string folder, RunObserver observer)
    {
        if (Shared.IsWhole)
        {
            Write(Adapter, folder, folder, observer);
            return;
        }
        foreach (var task in Tasks)
        {
            var alone = Extract(task);
            try
            {
                Write(alone, Path.Combine(folder, task), folder, observer);
            }
            finally
            {
                Model.Remove(alone.Name);
            }
        }
    }

    private void Write(PeftMethod adapter, string folder, string sharedFolder, RunObserver observer)
    {
        AdapterFolder.SaveApart(adapter, folder, sharedFolder, Format, Tokenizer);
        ProofWriter.OfSaved(Base.Folder, folder, observer);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (var task in Data) task.Dispose();
    }

    /// <summary>Refuses what a run with several tasks has no use for.</summary>
    /// <exception cref="SettingsException">Something of that kind is set.</exception>
    public static void Check(TrainSettings settings)
    {
        if (settings.Tasks.GroupBy(task => task.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(s => s.Count() > 1) is { } twice)
            throw new SettingsException($"Two tasks are called \"{twice.Key}\"; give each a name of its own.");
        (string Key, bool IsSet, string Reason)[] strangers =
        [
            ("data", settings.Data is not null || settings.TrainRows is not null, "each task names its own"),
            ("eval_data", settings.EvalData is not null || settings.EvalRows is not null, "each task names its own"),
            ("rows", settings.Rows is not null, "each task names its own"),
            ("adapter", settings.Adapter is not null, "a joint run starts a new adapter"),
            ("fuse", settings.Fuse is not null, "a fusion is trained on one task"),
            ("adapter_drop", settings.AdapterDrop is not null, "the layers that tasks share are drawn for one run"),
            ("packing", settings.Packing, "each row of a joint run holds one sequence"),
            ("cache_trunk", settings.CacheTrunk, "a cached trunk is one task's"),
        ];
        if (strangers.FirstOrDefault(setting => setting.IsSet) is { Key: { } key } stray)
            throw new SettingsException(
                $"{settings.Caller.Setting(key)} has no place beside {settings.Caller.Setting("tasks")}: {stray.Reason}; leave it out.");
    }

    /// <summary>Loads everything.</summary>
    /// <param name="settings">What the run is told.</param>
    /// <param name="options">The method's settings.</param>
    /// <param name="observer">Hears what was found.</param>
    /// <param name="cancellation">Stops it.</param>
    public static JointInputs Load(TrainSettings settings, MethodOptions options, RunObserver observer, CancellationToken cancellation)
    {
        var method = MethodRegistry.ByPeftType(options.PeftType)!;
        options.Validate();
        List<(TaskEntry Task, TrainSettings Settings, TrainRows Rows)> parts = [];
        foreach (var task in settings.Tasks)
        {
            var own = settings.For(task);
            parts.Add((task, own, TrainRows.Load(own, new(), null, observer)));
            cancellation.ThrowIfCancellationRequested();
        }
        var full = options.PeftType == "FULL";
        var folders = new ModelFolders(observer, settings.Caller, cancellation);
        var basis = folders.Base(settings.Base!, settings.Revision);
        ModelLoader.RequireFolder(basis.Folder);
        var lead = Lead(parts.ConvertAll(part => part.Rows));
        parts[lead] = parts[lead] with { Rows = HeadLabels.Agree(basis.Folder, settings.Base!, parts[lead].Rows, observer) };
        var loaded = LoadedBase.Load(
            settings, basis, TrainInputs.OptionsFor(parts[lead].Rows.Train, settings), LoadedBase.Precision(settings, full), full, null,
            observer);
        cancellation.ThrowIfCancellationRequested();

        var (model, tokenizer) = (loaded.Model, loaded.Tokenizer);
        if (tokenizer is not null) options = options.WithTokens(text => tokenizer.Encode(text).Ids);
        var shared = new SharedAdapter(
            model, options with { Revision = options.Revision ?? basis.Revision },
            parts.ConvertAll(part => new SharedTask(
                part.Task.Name, part.Rows.Train.LabelNames, part.Rows.Train.Kind == LabelKind.Regression)), seed: settings.Seed);
        // After hours of training is too late to learn that a format lacks the method.
        var trial = shared.Extract(0, "trial");
        var format = TrainInputs.FormatOf(settings, trial, method.Format);
        if (trial.Refusal(format) is { } sentence) throw new PeftException(sentence);
        model.Remove(trial.Name);
        TaskData Encode(TaskEntry task, TrainSettings own, TrainRows rows)
        {
            var length = own.Length(model.Model.MaxTokens, rows.Train.Kind == LabelKind.Tokens ? 512 : null);
            TokenizedDataset Tokens(TextDataset data)
            {
                var tokens = Encoders.Encode(data, tokenizer, model.Model, basis.Folder, length, settings.Caller, cancellation);
                if (LeftOut.Cut(tokens, settings.Caller) is { } cut) observer.Remark($"remark: {task.Name}: {cut}");
                return tokens;
            }
            var metrics = Scoring.MetricsFor(rows.Train, rows.Task, own.Metric);
            return new(task.Name, rows, Tokens(rows.Train), rows.Held is null ? null : Tokens(rows.Held), metrics);
        }
        var data = parts.ConvertAll(part => Encode(part.Task, part.Settings, part.Rows));
        foreach (var (task, i) in shared.Tasks.Select((task, i) => (task, i))) model.Describe(task.Answering, data[i].Train.Origin);
        var shares = TaskSchedule.SharesOf([.. data.Select(task => task.Train.Count)], settings.Temperature);
        observer.Remark(
            "tasks: " + string.Join(", ", data.Select((task, i) => $"{task.Name} {Figures.Score(shares[i])}")) + " of the batches");
        return new()
        {
            Options = shared.Adapter.Options,
            Format = format,
            Model = model,
            Base = basis,
            Adapter = shared.Adapter,
            Tokenizer = tokenizer,
            Compute = loaded.Compute,
            Shared = shared,
            Data = data,
            Temperature = settings.Temperature,
            Remarks =
            [
                .. parts.SelectMany(part => part.Rows.Train.Remarks.Concat(part.Rows.Held?.Remarks ?? [])).Distinct(),
            ],
        };
    }

    // Whose question the base is loaded for; classes before numbers, for a head of classes takes numbers beside it.
    private static int Lead(List<TrainRows> rows)
    {
        var kinds = rows.ConvertAll(part => part.Train.Kind);
        if (kinds.Contains(LabelKind.Tokens) && kinds.Any(kind => kind != LabelKind.Tokens))
            throw new PeftException(
                "Some tasks are learnt as texts and others as labels of whole texts, which one base does not answer together; give "
                + "problem_type to the tasks that were taken for the wrong kind, or train them apart.");
        var classes = kinds.IndexOf(LabelKind.Class);
        return classes < 0 ? 0 : classes;
    }
}
