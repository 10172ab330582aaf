using PeftSharp.Data;
using PeftSharp.Runs.Joint;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;

namespace PeftSharp.Runs;

// What a run trains on and is scored on.
public sealed partial class FineTuning
{
    /// <summary>Trains on rows of files.</summary>
    /// <param name="path">A .tsv, .csv, .jsonl (or .gz of these) or .parquet file, a pattern, or a folder with its parts.</param>
    public FineTuning On(string path) => Set("data", path).And(settings => settings.TrainRows = null);

    /// <summary>Trains on rows that were read.</summary>
    /// <param name="rows">The rows; they stay the caller's.</param>
    public FineTuning On(TextDataset rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return And(settings => settings.TrainRows = rows);
    }

    /// <summary>Trains on texts with their labels: names of classes, or numbers.</summary>
    /// <param name="rows">The rows; read when the run starts.</param>
    public FineTuning On(IEnumerable<(string Text, string Label)> rows) =>
        On((rows ?? throw new ArgumentNullException(nameof(rows))).Select(row => new LabelledText(row.Text, row.Label)));

    /// <summary>Trains on texts of which each has any number of labels at once, none included.</summary>
    /// <param name="rows">The rows; read when the run starts.</param>
    public FineTuning On(IEnumerable<(string Text, string[] Labels)> rows) =>
        On((rows ?? throw new ArgumentNullException(nameof(rows))).Select(row => new LabelledText(row.Text, row.Labels)));

    /// <summary>Trains on labelled texts or pairs of texts.</summary>
    /// <param name="rows">The rows; read when the run starts.</param>
    public FineTuning On(IEnumerable<LabelledText> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return And(settings => settings.TrainRows = Read(rows, "the training rows", settings));
    }

    /// <summary>
    /// Trains on several datasets together: call it once for each. One adapter is shared and each task has a head of its own; the result
    /// holds a folder for each task, which loads like any adapter. <c>sampling_temperature</c> (<see cref="Set"/>) evens their shares out.
    /// </summary>
    /// <param name="task">The task's name: letters, digits, - and _.</param>
    /// <param name="path">Its rows, as for <see cref="On(string)"/>; a folder's validation part is scored on.</param>
    /// <param name="settings">Settings of its data by their keys in a recipe, such as <c>label_column</c>.</param>
    /// <exception cref="SettingsException">The name or a setting is not as expected.</exception>
    public FineTuning OnTask(string task, string path, params IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(settings);
        return OnTask(new TaskEntry(task, [.. settings.Prepend(new("data", path))]));
    }

    /// <summary>The same with rows that were read.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="rows">The rows to train on; they stay the caller's.</param>
    /// <param name="held">The rows to score on; null (default) for none.</param>
    /// <exception cref="SettingsException">The name is not as expected.</exception>
    public FineTuning OnTask(string task, TextDataset rows, TextDataset? held = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return OnTask(new TaskEntry(task, [], rows, held));
    }

    private FineTuning OnTask(TaskEntry task)
    {
        ArgumentException.ThrowIfNullOrEmpty(task.Name);
        try
        {
            TaskList.Check(task.Name);
            task = task with { Settings = [.. task.Settings.Select(setting => TaskList.Setting(setting.Key, setting.Value))] };
        }
        catch (BadValueException e)
        {
            throw new SettingsException($"The task \"{task.Name}\" was given; expected {e.Message}.");
        }
        return And(settings =>
        {
            settings.Tasks = [.. settings.Tasks, task];
            if (TaskList.Text(settings.Tasks) is { } text) settings.Given["tasks"] = text;
            else settings.Given.Remove("tasks");
        });
    }

    /// <summary>Holds rows out of training to score on, drawn so that labels keep their shares.</summary>
    /// <param name="share">Their share, above 0 and below 1.</param>
    public FineTuning HoldOut(double share)
    {
        if (!(share > 0 && share < 1))
            throw new SettingsException($"A share of {Number(share)} was to be held out; expected one above 0 and below 1.");
        return Set("split_shares", $"{Number(1 - share)},{Number(share)}");
    }

    /// <summary>Scores on rows of files.</summary>
    /// <param name="path">As for <see cref="On(string)"/>.</param>
    public FineTuning ScoreOn(string path) => Set("eval_data", path);

    /// <summary>Scores on rows that were read.</summary>
    /// <param name="rows">The rows, whose labels are among those of training; they stay the caller's.</param>
    public FineTuning ScoreOn(TextDataset rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return And(settings => settings.EvalRows = rows);
    }

    /// <summary>Scores on texts with their labels.</summary>
    /// <param name="rows">The rows; read when the run starts.</param>
    public FineTuning ScoreOn(IEnumerable<(string Text, string Label)> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return ScoreOn(rows.Select(row => new LabelledText(row.Text, row.Label)));
    }

    /// <summary>Scores on labelled texts or pairs of texts.</summary>
    /// <param name="rows">The rows; read when the run starts.</param>
    public FineTuning ScoreOn(IEnumerable<LabelledText> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return And(settings => settings.EvalRows = Read(rows, "the rows to score on", settings));
    }

    private static TextDataset Read(IEnumerable<LabelledText> rows, string source, TrainSettings settings)
    {
        LabelKind? kind = settings.Problem switch
        {
            null => null,
            "regression" => LabelKind.Regression,
            Values.SeveralLabels => LabelKind.MultiLabel,
            _ => LabelKind.Class,
        };
        return TextDataset.FromRows(
            rows, source,
            new()
            {
                Kind = kind,
                OnBadRow = settings.SkipBadRows ? OnBadRow.Skip : OnBadRow.Stop,
                AllowEmptyText = settings.AllowBlank,
                LabelSeparator = settings.LabelSeparator,
            });
    }
}
