using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Evaluation;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Sources;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Training;

/// <summary>What a run works on, loaded and checked: every refusal comes before the first step.</summary>
internal sealed class TrainInputs : IDisposable
{
    public required MethodOptions Options { get; init; }

    public required MethodInfo Method { get; init; }

    public required AdapterFormat Format { get; init; }

    public required TextDataset Rows { get; init; }

    public required GlueTask? Task { get; init; }

    public required PeftModel Model { get; init; }

    public required ModelFolder Base { get; init; }

    public required PeftMethod Adapter { get; init; }

    public required Tokenizer? Tokenizer { get; init; }

    public required TokenizedDataset Train { get; init; }

    public required TokenizedDataset? Held { get; init; }

    public required MetricSet Metrics { get; init; }

    public required ComputeUse Compute { get; init; }

    /// <summary>What was taken for granted in reading the data, a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>True if every weight is trained.</summary>
    public bool IsFull => Options.PeftType == "FULL";

    /// <summary>How many weights are trained.</summary>
    public ParameterCount Parameters => ParameterCount.Of(Model, Adapter);

    /// <summary>Lets go of the model and the rows.</summary>
    public void Dispose()
    {
        Model.Dispose();
        Train.Dispose();
        Held?.Dispose();
    }

    public bool IsRegression => Rows.Kind == LabelKind.Regression;

    /// <summary>The batches of every epoch.</summary>
    public BatchPlan Batches(TrainSettings settings) =>
        new(Train.Lengths, settings.BatchSize, settings.Order == "bucketed" ? BatchOrder.Bucketed : BatchOrder.Shuffled, settings.Seed);

    /// <summary>The adapter as the trainer drives it.</summary>
    public TrainableAdapter Trained(TrainSettings settings, int quiet = 0) => new(Model, Adapter, Forward(settings, quiet));

    /// <summary>How the forward pass runs in training.</summary>
    /// <param name="settings">The run's settings.</param>
    /// <param name="quiet">Lowest layers in which a cached trunk leaves no dropout.</param>
    public static ForwardOptions Forward(TrainSettings settings, int quiet = 0) => new() { BaseDropout = settings.BaseDropout, Checkpointing = settings.Checkpointing, LayersWithoutDropout = quiet };

    /// <summary>What scores the adapter; null where there are no rows for it.</summary>
    public Evaluator? Evaluator(TrunkCache? trunk = null) => Held is null ? null : new(Model, AdapterSelection.Of(Adapter.Tag), Held, Metrics) { Source = trunk?[Held] };

    public static TrainInputs Load(TrainSettings settings, MethodOptions options, RunObserver observer, CancellationToken cancellation)
    {
        var method = MethodRegistry.ByPeftType(options.PeftType)!;
        options.Validate();
        var training = Training(settings);
        var (rows, task) = training.Load();
        var held = HeldOut(settings, training, rows)?.Load().Data;
        observer.Remark($"data: {Count(rows)} of {rows.Source}, {Answers(rows)}{(held is null ? "" : $"; {Count(held)} of {held.Source} to score on")}");
        if (held is null) RefuseScoring(settings);
        foreach (var line in LeftOut.Lines(rows).Concat(held is null ? [] : LeftOut.Lines(held)).Distinct()) observer.Remark(line);
        if (rows.Labels is { Count: 1 } one)
            throw new PeftException($"{rows.Source}: all rows have the label \"{one.Names[0]}\", so there is nothing to learn; give rows of two classes at least, or name another label column ({settings.Caller.Setting("label_column")}).");
        cancellation.ThrowIfCancellationRequested();

        var compute = options.PeftType == "FULL" ? ComputeModes.Choose("fp32", settings.Device) with { Reason = "since every weight is trained." }
            : ComputeModes.Choose(settings.Compute, settings.Device);
        var basis = new ModelFolders(observer, settings.Caller, cancellation).Base(settings.Base!, settings.Revision);
        ModelLoader.RequireFolder(basis.Folder);
        (rows, held) = HeadLabels.Agree(basis.Folder, settings.Base!, rows, held, task, observer);
        var transformer = ModelLoader.Load(basis.Folder, ModelOptions.For(rows) with
        {
            Pooling = settings.Pooling is { } pooling ? Enum.Parse<Pooling>(pooling, ignoreCase: true) : null,
            Compute = compute.Type,
            Device = settings.Device,
            Quantize = settings.Quantize is null ? null : new Nf4Options(settings.BlockSize, settings.DoubleQuant),
            Seed = settings.Seed,
        });
        observer.Remark($"base: {settings.Base}, {transformer.Config.ModelType}; {(options.PeftType == "FULL" ? "weights" : "frozen weights")} {(settings.Quantize is null ? "" : "nf4, computed in ")}{compute.Name}: {compute.Reason}");
        foreach (var remark in transformer.Remarks) observer.Remark($"base: {remark}");
        if (transformer.SavedModules.Except(transformer.Head.Modules).ToList() is { Count: > 0 } drawn)
            observer.Remark($"base: its checkpoint has no {string.Join(", ", drawn)}; drawn at random, trained with the head and saved with the adapter.");
        cancellation.ThrowIfCancellationRequested();

        var model = new PeftModel(transformer, basis.Name);
        var tokenizer = Encoders.Find(basis.Folder);
        if (tokenizer is not null) options = options.WithTokens(text => tokenizer.Encode(text).Ids);
        var adapter = model.Add(options with { Revision = options.Revision ?? basis.Revision }, seed: settings.Seed);
        var format = settings.Format is null ? method.Format : settings.Format == "peft" ? AdapterFormat.Peft : AdapterFormat.AdapterHub;
        // After hours of training is too late to learn that a format lacks the method.
        if (adapter.Refusal(format) is { } sentence) throw new PeftException(sentence);
        TokenizedDataset Encode(TextDataset data) => Encoders.Encode(data, tokenizer, transformer, basis.Folder, settings.Length(transformer.MaxTokens), settings.Caller, cancellation);
        var train = Encode(rows);
        var heldTokens = held is null ? null : Encode(held);
        if (LeftOut.Cut(train, settings.Caller) is { } cut) observer.Remark($"remark: {cut}");
        if (heldTokens is not null && LeftOut.Cut(heldTokens, settings.Caller) is { } heldCut) observer.Remark($"remark: {heldCut}");
        model.Describe(adapter, train.Origin);
        return new()
        {
            Options = adapter.Options,
            Method = method,
            Format = format,
            Rows = rows,
            Task = task,
            Model = model,
            Base = basis,
            Adapter = adapter,
            Tokenizer = tokenizer,
            Train = train,
            Held = heldTokens,
            Remarks = [.. rows.Remarks.Concat(held?.Remarks ?? []).Distinct()],
            Metrics = Scoring.MetricsFor(rows, task, settings.Metric),
            Compute = compute,
        };
    }

    private static DataRequest Training(TrainSettings settings) => new(settings.Data!)
    {
        Caller = settings.Caller,
        Text = settings.Text,
        Pair = settings.Pair,
        Label = settings.Label,
        Take = settings.Take,
        Rows = settings.Rows,
        Split = GlueSplit.Train,
        Kind = settings.Problem is null ? null : settings.Problem == "regression" ? LabelKind.Regression : LabelKind.Class,
        SkipBadRows = settings.SkipBadRows,
        Layout = new()
        {
            Header = settings.Header,
            Separator = settings.Separator,
            Quoted = settings.Quoted,
            AllowBlank = settings.AllowBlank,
            NoLabel = settings.NoLabel,
        },
        Shares = settings.SplitShares,
        SplitSeed = settings.SplitSeed,
        Stratify = settings.SplitStratified,
        Sample = settings.SampleStratified,
        Storage = new() { MemoryBytes = (long)settings.DataMemory << 20, Folder = settings.Cache },
    };

    // A folder brings its validation part along, and a cut by shares makes one.
    private static DataRequest? HeldOut(TrainSettings settings, DataRequest training, TextDataset rows)
    {
        if (rows.Kind == LabelKind.None) throw new PeftException($"{rows.Source} has no labels to learn from (every one is -1); give labelled rows.");
        if (settings.EvalData is null && !training.HasHeldOut) return null;
        return training with
        {
            Path = settings.EvalData ?? settings.Data!,
            Shares = settings.EvalData is null ? settings.SplitShares : null,
            Split = GlueSplit.Dev,
            Take = settings.TakeEval,
            Sample = false,
            Rows = null,
            Kind = rows.Kind,
            Labels = rows.Labels,
        };
    }

    // Settings that say how to score would be passed over in silence.
    private static void RefuseScoring(TrainSettings settings)
    {
        (string Key, bool IsSet)[] scoring =
        [
            ("max_eval_samples", settings.TakeEval is not null), ("eval_steps", settings.EvalSteps is not null), ("early_stopping_patience", settings.EarlyStopping is not null),
            ("load_best_model_at_end", settings.LoadBest), ("metric_for_best_model", settings.Metric is not null),
        ];
        if (scoring.Where(setting => setting.IsSet).Select(setting => settings.Caller.Setting(setting.Key)).ToList() is not { Count: > 0 } asked) return;
        throw new SettingsException(
            $"{string.Join(" and ", asked)} {(asked.Count == 1 ? "asks" : "ask")} for rows to score on, and there are none; "
            + $"give {settings.Caller.Setting("eval_data", "PATH")}, or hold rows out with {settings.Caller.Setting("split_shares", "0.8,0.2")}.");
    }

    private static string Count(TextDataset data) => $"{Figures.Count(data.Count)} rows{(data.SkippedRows == 0 ? "" : $" ({data.SkippedRows} bad ones left out)")}";

    private static string Answers(TextDataset data) => data.Labels is { } labels ? labels.Count == 1 ? "1 class" : $"{labels.Count} classes" : "a number to predict";
}
