using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Identity;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Scores;
using PeftSharp.Runs.Sources;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Training;

/// <summary>What a run with one task works on.</summary>
internal sealed class TrainInputs : RunInputs
{
    public required MethodInfo Method { get; init; }

    public required TextDataset Rows { get; init; }

    public required GlueTask? Task { get; init; }

    /// <summary>The adapters that a fusion is trained of; null where the run trains none.</summary>
    public FusedAdapters? Fused { get; init; }

    /// <summary>The folder in that of the results that the adapter lies in: a fusion lies beside what it fuses; else "".</summary>
    public string AdapterFolderName => Fused is null ? "" : Adapter.Name;

    /// <summary>What acts in training and scoring: the adapter, or the fusion with what it fuses.</summary>
    public required AdapterSelection Selection { get; init; }

    public required TokenizedDataset Train { get; init; }

    public required TokenizedDataset? Held { get; init; }

    public required MetricSet Metrics { get; init; }

    /// <inheritdoc/>
    public override ParameterCount Parameters
    {
        get
        {
            var own = ParameterCount.Of(Model, Adapter);
            // What is fused is there and not trained.
            var beside = Model.Adapters.Values.Where(a => a != Adapter).SelectMany(a => a.Tensors).Sum(t => t.Value.numel());
            return own with { All = own.All + beside };
        }
    }

    /// <inheritdoc/>
    public override bool IsScored => Held is not null;

    /// <inheritdoc/>
    public override int MaxLength => Train.Origin.MaxLength;

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        Train.Dispose();
        Held?.Dispose();
    }

    public bool IsRegression => Rows.Kind == LabelKind.Regression;

    /// <summary>True if the model learns to write.</summary>
    public bool IsOfTokens => Rows.Kind == LabelKind.Tokens;

    /// <summary>The batches of every epoch.</summary>
    public BatchPlan Batches(TrainSettings settings) =>
        new(
            Packed?.Lengths ?? Train.Lengths, settings.BatchSize, settings.Order == "bucketed" ? BatchOrder.Bucketed : BatchOrder.Shuffled,
            settings.Seed);

    /// <summary>Rows that hold several sequences; null where each has a row of its own.</summary>
    public PackedRows? Packed { get; init; }

    /// <inheritdoc/>
    public override IBatchSource BatchesFor(TrainSettings settings, TrunkCache? trunk)
    {
        IRowBatches rows = Packed is null ? Train : Packed;
        return new PlannedBatches(trunk is null ? rows : trunk[Train], Batches(settings));
    }

    /// <inheritdoc/>
    public override TrainableAdapter Trained(TrainSettings settings, int quiet = 0) =>
        new(Model, Adapter, Forward(settings, quiet), Selection);

    /// <inheritdoc/>
    public override Evaluator? Evaluator(TrunkCache? trunk = null) =>
        Held is null ? null : new(Model, Selection, Held, Metrics) { Source = trunk?[Held] };

    /// <inheritdoc/>
    public override RunFingerprint Identity(TrainSettings settings, TrainerOptions options, int quiet) => RunIdentity.Of(
        Model, Adapter, options, Batches(settings), Train, Held, Forward(settings, quiet), Metrics.Primary, Base.Folder,
        Continued is { } earlier ? AdapterFolder.Open(earlier.Folder).WeightsFile : null, Fused?.Files ?? [], settings.AdapterDrop ?? 0);

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, JsonNode?> Told(EvaluationResult? final) => new Dictionary<string, JsonNode?>
    {
        ["problem"] = RunDocument.Problem(Rows.Kind),
        ["task"] = Task?.Name,
        ["labels"] = Rows.LabelNames is { } names ? JsonText.Texts(names) : null,
        ["columns"] = RunDocument.Columns(Rows),
        ["data"] = RunDocument.Data(Train, Held),
    };

    /// <inheritdoc/>
    public override string? LearningRemark(
        TrainSettings settings, TrainingResult result, EvaluationResult? final, TrainingCurves curves) =>
        Training.LearningRemark.Of(settings, Rows, Held?.Data, IsFull, result, final, curves);

    /// <inheritdoc/>
    public override void WriteTo(string folder, RunObserver observer)
    {
        var own = Path.Combine(folder, AdapterFolderName);
        if (Fused is null) AdapterFolder.Save(Adapter, own, Format);
        else AdapterSetup.Save(Model, Adapter.Tag.Acts, folder);
        Tokenizer?.Save(own);
        ProofWriter.AfterTraining(this, own, observer);
    }

    /// <summary>Loads everything.</summary>
    /// <param name="settings">What the run is told.</param>
    /// <param name="start">The method's settings, and the adapters that there are already.</param>
    /// <param name="observer">Hears what was found.</param>
    /// <param name="cancellation">Stops it.</param>
    public static TrainInputs Load(
        TrainSettings settings, RunStart start, RunObserver observer, CancellationToken cancellation)
    {
        var (options, continued, fused) = start;
        var method = fused is null ? MethodRegistry.ByPeftType(options.PeftType)! : FusionMethod.Info;
        options.Validate();
        var data = TrainRows.Load(settings, continued?.Columns ?? new(), continued?.Kind, observer);
        cancellation.ThrowIfCancellationRequested();

        var full = options.PeftType == "FULL";
        var compute = LoadedBase.Precision(settings, full);
        var folders = new ModelFolders(observer, settings.Caller, cancellation);
        var basis = continued?.Base(settings, folders) ?? fused?.Base(settings, folders) ?? folders.Base(settings.Base!, settings.Revision);
        ModelLoader.RequireFolder(basis.Folder);
        data = continued is null ? HeadLabels.Agree(basis.Folder, settings.Base!, data, observer) : continued.Agree(data, observer);
        var how = HowToLoad(settings, basis, data.Train, start);
        var loaded = LoadedBase.Load(settings, basis, how, compute, full, continued, observer);
        cancellation.ThrowIfCancellationRequested();

        var (model, transformer, tokenizer) = (loaded.Model, loaded.Model.Model, loaded.Tokenizer);
        if (tokenizer is not null) options = options.WithTokens(text => tokenizer.Encode(text).Ids);
        var adapter = continued?.LoadInto(model, data.Train)
            ?? fused?.LoadInto(model, (FusionOptions)options with { Revision = options.Revision ?? basis.Revision }, settings.Seed)
            ?? model.Add(options with { Revision = options.Revision ?? basis.Revision }, seed: settings.Seed);
        var format = FormatOf(settings, adapter, continued?.Format ?? method.Format);
        // After hours of training is too late to learn that a format lacks the method.
        if (adapter.Refusal(format) is { } sentence) throw new PeftException(sentence);
        int? usual = data.Train.Kind == LabelKind.Tokens ? TrainSettings.UsualLengthOfTexts : null;
        var length = settings.Length(transformer.MaxTokens, continued?.MaxLength ?? fused?.MaxLength ?? usual);
        TokenizedDataset Encode(TextDataset rows)
        {
            var tokens = Encoders.Encode(rows, tokenizer, transformer, basis.Folder, length, settings.Caller, cancellation);
            if (LeftOut.Cut(tokens, settings.Caller) is { } cut) observer.Remark($"remark: {cut}");
            return tokens;
        }
        var (train, held) = (Encode(data.Train), data.Held is null ? null : Encode(data.Held));
        model.Describe(adapter, train.Origin);
        if (settings.Packing && train.Data.Kind != LabelKind.Tokens)
            throw new SettingsException(
                $"{settings.Caller.Setting("packing")} puts several sequences into a row, and rows with labels of their own are one each; "
                + "leave it out.");
        return new()
        {
            Packed = settings.Packing ? new(train, length, transformer.Sites.AddedTokens(AdapterSelection.Of(adapter.Tag))) : null,
            Options = adapter.Options,
            Method = method,
            Format = format,
            Rows = data.Train,
            Task = data.Task,
            Model = model,
            Base = basis,
            Adapter = adapter,
            Continued = continued?.Folder,
            Fused = fused,
            Selection = AdapterSelection.Of(adapter.Tag).With(DropOf(settings, transformer)),
            Tokenizer = tokenizer,
            Train = train,
            Held = held,
            Remarks = [.. data.Train.Remarks.Concat(data.Held?.Remarks ?? []).Distinct()],
            Metrics = Scoring.MetricsFor(data.Train, data.Task, settings.Metric),
            Compute = compute,
        };
    }

    // The one that is asked for, else the usual one, else one that holds the settings.
    internal static AdapterFormat FormatOf(TrainSettings settings, PeftMethod adapter, AdapterFormat usual)
    {
        if (settings.Format is { } named) return named == "peft" ? AdapterFormat.Peft : AdapterFormat.AdapterHub;
        if (adapter.Refusal(usual) is null) return usual;
        var other = usual == AdapterFormat.Peft ? AdapterFormat.AdapterHub : AdapterFormat.Peft;
        return adapter.Refusal(other) is null ? other : usual;
    }

    // A layer is left, or a step would have nothing to learn from.
    private static LayerDrop? DropOf(TrainSettings settings, TransformerModel model)
    {
        if (settings.AdapterDrop is not { } most) return null;
        var layers = model.Sites.Layers.Max(site => site.Layer) + 1;
        return most < layers ? LayerDrop.Drawn(most) : throw new SettingsException(
            $"{settings.Caller.Setting("adapter_drop", $"{most}")}: the model has {layers} layers, and the adapter is to stay in one at "
            + $"least; give a number from 1 to {layers - 1}.");
    }

    private static ModelOptions HowToLoad(TrainSettings settings, ModelFolder basis, TextDataset rows, RunStart start) =>
        start.Continued?.OptionsOf(basis.Folder, rows, settings) ?? OptionsFor(rows, settings, start.Fused?.Pooling);

    /// <summary>What a base is to answer for some rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="settings">What the run is told.</param>
    /// <param name="pooling">How sequences become vectors where the run is not told; null (default) for the model's own way.</param>
    internal static ModelOptions OptionsFor(TextDataset rows, TrainSettings settings, Pooling? pooling = null) =>
        ModelOptions.For(rows) with
        {
            Pooling = settings.Pooling is { } named ? Enum.Parse<Pooling>(named, ignoreCase: true) : pooling,
        };
}
