namespace PeftSharp.Data;

/// <summary>A task of the GLUE benchmark (Wang et al. 2018, arXiv 1804.07461): how its files are laid out and scored.</summary>
/// <remarks>Class indices are those of the Hugging Face <c>glue</c> dataset.</remarks>
public sealed class GlueTask
{
    private GlueTask(string name, string text, string? pair, string label, string[]? labels, params string[] metrics)
    {
        Name = name;
        Text = text;
        Pair = pair;
        Label = label;
        Labels = labels is null ? null : new LabelMap(labels);
        Metrics = metrics;
    }

    /// <summary>Corpus of Linguistic Acceptability, whose files have no header.</summary>
    public static GlueTask CoLA { get; } = new("CoLA", "4", null, "2", ["unacceptable", "acceptable"], "matthews", "accuracy");

    /// <summary>Stanford Sentiment Treebank.</summary>
    public static GlueTask Sst2 { get; } = new("SST-2", "sentence", null, "label", ["negative", "positive"], "accuracy");

    /// <summary>Microsoft Research Paraphrase Corpus.</summary>
    public static GlueTask Mrpc { get; } =
        new("MRPC", "#1 String", "#2 String", "Quality", ["not_equivalent", "equivalent"], "f1", "accuracy");

    /// <summary>Semantic Textual Similarity Benchmark, a regression from 0 to 5.</summary>
    public static GlueTask StsB { get; } = new("STS-B", "sentence1", "sentence2", "score", null, "pearson", "spearman");

    /// <summary>Quora Question Pairs.</summary>
    public static GlueTask Qqp { get; } =
        new("QQP", "question1", "question2", "is_duplicate", ["not_duplicate", "duplicate"], "f1", "accuracy");

    /// <summary>Multi-genre natural language inference.</summary>
    public static GlueTask Mnli { get; } =
        new("MNLI", "sentence1", "sentence2", "gold_label", ["entailment", "neutral", "contradiction"], "accuracy");

    /// <summary>Question-answering inference.</summary>
    public static GlueTask Qnli { get; } = new("QNLI", "question", "sentence", "label", ["entailment", "not_entailment"], "accuracy");

    /// <summary>Recognising textual entailment.</summary>
    public static GlueTask Rte { get; } = new("RTE", "sentence1", "sentence2", "label", ["entailment", "not_entailment"], "accuracy");

    /// <summary>Winograd schemas as inference.</summary>
    public static GlueTask Wnli { get; } = new("WNLI", "sentence1", "sentence2", "label", ["not_entailment", "entailment"], "accuracy");

    /// <summary>All nine tasks.</summary>
    public static IReadOnlyList<GlueTask> All { get; } = [CoLA, Sst2, Mrpc, StsB, Qqp, Mnli, Qnli, Rte, Wnli];

    /// <summary>Name as GLUE writes it, such as SST-2.</summary>
    public string Name { get; }

    /// <summary>Whether a row is a pair of texts.</summary>
    public bool IsPair => Pair is not null;

    /// <summary>What the labels are.</summary>
    public LabelKind Kind => Labels is null ? LabelKind.Regression : LabelKind.Class;

    /// <summary>The classes; null for STS-B.</summary>
    public LabelMap? Labels { get; }

    /// <summary>The metrics that GLUE reports for it; the first selects the best model.</summary>
    public IReadOnlyList<string> Metrics { get; }

    internal string Text { get; }

    internal string? Pair { get; }

    internal string Label { get; }

    /// <summary>The task of a name, whatever its case and dashes (sst2 is SST-2); null if there is none.</summary>
    public static GlueTask? Find(string name) => All.FirstOrDefault(task => Plain(task.Name) == Plain(name));

    /// <summary>The task whose files a folder holds, known by the folder's name or by the header of its files; null if none.</summary>
    public static GlueTask? TryRecognise(string folder) => GlueFolder.Recognise(folder);

    /// <summary>Reads a part of the task whose files a folder holds.</summary>
    /// <exception cref="PeftException">The folder holds no GLUE task or not that part, or the file has a bad row.</exception>
    public static TextDataset Load(string folder, GlueSplit split, DataOptions? options = null)
    {
        var task = TryRecognise(folder) ?? throw new PeftException(
            $"{folder} is no GLUE folder; name it after its task ({string.Join(", ", All.Select(t => t.Name))}), or give a dataset file "
            + "and its columns.");
        return task.LoadFrom(folder, split, options);
    }

    /// <summary>Reads a part of this task from a folder of any name.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="split">Which part.</param>
    /// <param name="options">What to do about bad rows; the layout is the task's. Default: stop at the first.</param>
    public TextDataset LoadFrom(string folder, GlueSplit split, DataOptions? options = null)
    {
        var path = GlueFolder.FileOf(folder, split) ?? throw new PeftException(
            $"{folder} holds no {GlueFolder.Describe(split)} file of {Name}; expected {GlueFolder.Expected(split)} in it.");
        return TextDataset.Load(path, LayoutOf(split, options ?? new DataOptions()));
    }

    /// <summary>The parts that a folder holds.</summary>
    public static IReadOnlyList<GlueSplit> SplitsIn(string folder) =>
        [.. Enum.GetValues<GlueSplit>().Where(split => GlueFolder.FileOf(folder, split) is not null)];

    private DataOptions LayoutOf(GlueSplit split, DataOptions options)
    {
        var test = split == GlueSplit.Test;
        var headerless = this == CoLA && !test; // CoLA's test file alone has one
        return options with
        {
            Format = DataFormat.Tsv,
            Separator = '\t',
            Quoted = false,
            Text = this == CoLA && test ? "sentence" : Text,
            Pair = Pair,
            Label = test ? null : Label,
            HasHeader = !headerless,
            Kind = test ? LabelKind.None : Kind,
            Labels = test ? null : Labels,
            RequireLabels = !test,
        };
    }

    internal static string Plain(string name) =>
        string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();
}
