using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Scores;
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

    /// <summary>The adapter that the run goes on with; null for a new one.</summary>
    public ModelFolder? Continued { get; init; }

    /// <summary>The adapters that a fusion is trained of; null where the run trains none.</summary>
    public FusedAdapters? Fused { get; init; }

    /// <summary>The folder in that of the results that the adapter lies in: a fusion lies beside what it fuses; else "".</summary>
    public string AdapterFolderName => Fused is null ? "" : Adapter.Name;

    /// <summary>What acts in training and scoring: the adapter, or the fusion with what it fuses.</summary>
    public required AdapterSelection Selection { get; init; }

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
    public ParameterCount Parameters
    {
        get
        {
            var own = ParameterCount.Of(Model, Adapter);
            // What is fused is there and not trained.
            var beside = Model.Adapters.Values.Where(a => a != Adapter).SelectMany(a => a.Tensors).Sum(t => t.Value.numel());
            return own with { All = own.All + beside };
        }
    }

    /// <summary>Lets go of the model and the rows.</summary>
    public void Dispose()
    {
        Model.Dispose();
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

    /// <summary>Where batches come from.</summary>
    public IRowBatches Source => Packed is null ? Train : Packed;

    /// <summary>The adapter as the trainer drives it.</summary>
    public TrainableAdapter Trained(TrainSettings settings, int quiet = 0) => new(Model, Adapter, Forward(settings, quiet), Selection);

    /// <summary>How the forward pass runs in training.</summary>
    /// <param name="settings">The run's settings.</param>
    /// <param name="quiet">Lowest layers in which a cached trunk leaves no dropout.</param>
    public static ForwardOptions Forward(TrainSettings settings, int quiet = 0) =>
        new() { BaseDropout = settings.BaseDropout, Checkpointing = settings.Checkpointing, LayersWithoutDropout = quiet };

    /// <summary>What scores the adapter; null where there are no rows for it.</summary>
    public Evaluator? Evaluator(TrunkCache? trunk = null) =>
        Held is null ? null : new(Model, Selection, Held, Metrics) { Source = trunk?[Held] };

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
        var compute = full ? ComputeModes.Choose("fp32", settings.Device) with { Reason = "since every weight is trained." }
            : ComputeModes.Choose(settings.Compute, settings.Device);
        var folders = new ModelFolders(observer, settings.Caller, cancellation);
        var basis = continued?.Base(settings, folders) ?? fused?.Base(settings, folders) ?? folders.Base(settings.Base!, settings.Revision);
        ModelLoader.RequireFolder(basis.Folder);
        data = continued is null ? HeadLabels.Agree(basis.Folder, settings.Base!, data, observer) : continued.Agree(data, observer);
        var transformer = ModelLoader.Load(
            basis.Folder,
            HowToLoad(settings, basis, data.Train, start) with
            {
                Compute = compute.Type,
                Device = settings.Device,
                Seed = settings.Seed,
            });
        observer.Remark(
            $"base: {settings.Base}, {transformer.Config.ModelType}; {(full ? "weights" : "frozen weights")} "
            + $"{(transformer.Card.Quantize is { } form ? $"{form.Name}, computed in " : "")}{compute.Name}: {compute.Reason}");
        foreach (var remark in transformer.Remarks) observer.Remark($"base: {remark}");
        if (transformer.SavedModules.Except(transformer.Head.Modules).ToList() is { Count: > 0 } drawn && continued is null)
            observer.Remark(
                $"base: its checkpoint has no {string.Join(", ", drawn)}; drawn at random, trained with the head and saved with "
                + "the adapter.");
        cancellation.ThrowIfCancellationRequested();

        var model = new PeftModel(transformer, basis.Name);
        var tokenizer = LoadedModel.TokenizerOf(basis.Folder, continued?.Folder.Folder);
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
    private static AdapterFormat FormatOf(TrainSettings settings, PeftMethod adapter, AdapterFormat usual)
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

    private static ModelOptions HowToLoad(TrainSettings settings, ModelFolder basis, TextDataset rows, RunStart start)
    {
        var options = start.Continued?.OptionsOf(basis.Folder, rows, settings) ?? ModelOptions.For(rows) with
        {
            Pooling = settings.Pooling is { } pooling ? Enum.Parse<Pooling>(pooling, ignoreCase: true) : start.Fused?.Pooling,
        };
        return settings.Quantization is { } form ? options with { Quantize = form } : options;
    }
}
