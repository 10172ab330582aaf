using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Runs.Training;

/// <summary>The rows of a run: those to train on, and those to score on.</summary>
/// <param name="Train">Rows to train on.</param>
/// <param name="Held">Rows to score on, with the same classes; null for none.</param>
/// <param name="Task">The GLUE task that they belong to, if any.</param>
internal sealed record TrainRows(TextDataset Train, TextDataset? Held, GlueTask? Task)
{
    /// <summary>Reads them.</summary>
    /// <param name="settings">Which rows.</param>
    /// <param name="usual">Columns that are read where no others are named.</param>
    /// <param name="kind">What labels are where nothing else says so: those of the adapter that is gone on with; null for none.</param>
    /// <param name="observer">Hears what was read.</param>
    public static TrainRows Load(TrainSettings settings, UsualColumns usual, LabelKind? kind, RunObserver observer)
    {
        var training = Training(settings, usual, kind);
        var (rows, task) = training.Load();
        var held = HeldOut(settings, training, rows)?.Load().Data;
        observer.Remark(
            $"data: {Count(rows)} of {rows.Source}, "
            + $"{Answers(rows)}{(held is null ? "" : $"; {Count(held)} of {held.Source} to score on")}");
        if (held is null) RefuseScoring(settings);
        foreach (var line in LeftOut.Lines(rows).Concat(held is null ? [] : LeftOut.Lines(held)).Distinct()) observer.Remark(line);
        if (rows.Kind == LabelKind.Class && rows.Labels is { Count: 1 } one)
            throw new PeftException(
                $"{rows.Source}: all rows have the label \"{one.Names[0]}\", so there is nothing to learn; give rows of two classes at "
                + $"least, or name another label column ({settings.Caller.Setting("label_column")}).");
        return new(rows, held, task);
    }

    private static DataRequest Training(TrainSettings settings, UsualColumns usual, LabelKind? kind) =>
        new(settings.TrainRows?.Source ?? settings.Data!)
        {
            Given = settings.TrainRows,
            Usual = usual,
            Caller = settings.Caller,
            Text = settings.Text,
            Pair = settings.Pair,
            Label = settings.Label,
            LabelColumns = settings.LabelColumns,
            Take = settings.Take,
            Rows = settings.Rows,
            Split = GlueSplit.Train,
            Kind = settings.Problem switch
            {
                // A cell such as "a|b" is a list where the adapter answers with lists.
                null => kind == LabelKind.MultiLabel ? kind : Recognised(settings),
                "regression" => LabelKind.Regression,
                "generation" => LabelKind.Tokens,
                Values.SeveralLabels => LabelKind.MultiLabel,
                _ => LabelKind.Class,
            },
            SkipBadRows = settings.SkipBadRows,
            Layout = new()
            {
                Header = settings.Header,
                Separator = settings.Separator,
                Quoted = settings.Quoted,
                AllowBlank = settings.AllowBlank,
                NoLabel = settings.NoLabel,
                LabelSeparator = settings.LabelSeparator,
            },
            Shares = settings.SplitShares,
            SplitSeed = settings.SplitSeed,
            Stratify = settings.SplitStratified,
            Sample = settings.SampleStratified,
            Storage = new() { MemoryBytes = (long)settings.DataMemory << 20, Folder = settings.Cache },
        };

    private static LabelKind? Recognised(TrainSettings settings) =>
        settings is { TrainRows: null, Data: { } path, Text: null, Label: null, LabelColumns: [] } ? DataRequest.Recognised(path) : null;

    // A folder brings its validation part along, and a cut by shares makes one.
    private static DataRequest? HeldOut(TrainSettings settings, DataRequest training, TextDataset rows)
    {
        if (rows.Kind == LabelKind.None)
            throw new PeftException($"{rows.Source} has no labels to learn from (every one is -1); give labelled rows.");
        var apart = settings.EvalData is not null || settings.EvalRows is not null;
        if (!apart && !training.HasHeldOut) return null;
        return training with
        {
            Path = settings.EvalRows?.Source ?? settings.EvalData ?? training.Path,
            Given = apart ? Alike(settings.EvalRows, rows) : training.Given,
            Shares = apart ? null : settings.SplitShares,
            Split = GlueSplit.Dev,
            Take = settings.TakeEval,
            Sample = false,
            Rows = null,
            Kind = rows.Kind,
            Labels = rows.Labels,
        };
    }

    // Classes of rows in memory get the numbers that they have in training.
    private static TextDataset? Alike(TextDataset? held, TextDataset rows)
    {
        if (held is null || rows.Labels is not { } labels || held.Labels is not { } own || own.Names.SequenceEqual(labels.Names))
            return held;
        if (own.Names.FirstOrDefault(name => labels.IndexOf(name) < 0) is { } stray)
            throw new PeftException(
                $"{held.Source}: the label {Quoted.Name(stray)} is none of those of {rows.Source} "
                + $"({string.Join(", ", labels.Names.Take(10).Select(Quoted.Name))}); correct it, or add such rows to the training set.");
        return held.Among(labels);
    }

    // Settings that say how to score would be passed over in silence.
    private static void RefuseScoring(TrainSettings settings)
    {
        (string Key, bool IsSet)[] scoring =
        [
            ("max_eval_samples", settings.TakeEval is not null), ("eval_steps", settings.EvalSteps is not null),
            ("early_stopping_patience", settings.EarlyStopping is not null),
            ("load_best_model_at_end", settings.LoadBest), ("metric_for_best_model", settings.Metric is not null),
        ];
        if (
            scoring.Where(setting => setting.IsSet)
                .Select(setting => settings.Caller.Setting(setting.Key))
                .ToList() is not { Count: > 0 } asked)
            return;
        throw new SettingsException(
            $"{string.Join(" and ", asked)} {(asked.Count == 1 ? "asks" : "ask")} for rows to score on, and there are none; "
            + $"give {settings.Caller.Setting("eval_data", "PATH")}, or hold rows out with "
            + $"{settings.Caller.Setting("split_shares", "0.8,0.2")}.");
    }

    private static string Count(TextDataset data) =>
        $"{Figures.Count(data.Count)} rows{(data.SkippedRows == 0 ? "" : $" ({data.SkippedRows} bad ones left out)")}";

    private static string Answers(TextDataset data) =>
        data.Labels is { } labels ? (labels.Count == 1 ? "1 class" : $"{labels.Count} classes")
            + (data.Kind == LabelKind.MultiLabel ? ", any number of which may hold at once" : "")
        : data.Kind == LabelKind.Tokens ? "texts to learn" : "a number to predict";
}
