using PeftSharp.Data;

namespace PeftSharp.Metrics;

/// <summary>The metrics of a task, computed from a model's outputs; one of them selects the best model.</summary>
public sealed class MetricSet
{
    private static readonly string[] Binary = ["accuracy", "f1", "precision", "recall", "matthews"];
    private static readonly string[] ManyClasses = ["accuracy", "f1_macro", "matthews"];
    private static readonly string[] RealNumbers = ["pearson", "spearman", "mse"];
    private static readonly string[] OfSets = ["f1_micro", "f1_macro", "exact_match", "precision_micro", "recall_micro"];
    private static readonly string[] OfTokens = ["perplexity", "loss"];
    private readonly int _labels;

    private MetricSet(LabelKind kind, int labels, string[] names, string primary)
    {
        if (!names.Contains(primary))
            throw new PeftException($"There is no metric '{primary}' for this task; the metrics are {string.Join(", ", names)}.");
        (Kind, _labels, Names, Primary) = (kind, labels, names, primary);
    }

    /// <summary>What the labels are that answers are compared with.</summary>
    public LabelKind Kind { get; }

    /// <summary>Names of all metrics.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Name of the metric that selects the best model.</summary>
    public string Primary { get; }

    /// <summary>Direction of that metric.</summary>
    public bool HigherIsBetter => Primary is not ("mse" or "perplexity" or "loss");

    /// <summary>Accuracy and Matthews; with two classes F1, precision and recall of class 1, with more the macro F1.</summary>
    /// <exception cref="PeftException"><paramref name="primary"/> is none of them.</exception>
    public static MetricSet Classification(int labels, string primary = "accuracy")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(labels, 1);
        return new MetricSet(LabelKind.Class, labels, labels <= 2 ? Binary : ManyClasses, primary);
    }

    /// <summary>
    /// Of answers of which any number of classes may hold at once: F1, precision and recall over all of them together, the mean F1 of
    /// classes, and the share of rows that are wholly right.
    /// </summary>
    /// <exception cref="PeftException"><paramref name="primary"/> is none of them.</exception>
    public static MetricSet MultiLabel(int labels, string primary = "f1_micro")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(labels, 1);
        return new MetricSet(LabelKind.MultiLabel, labels, OfSets, primary);
    }

    /// <summary>Pearson, Spearman and mean squared error.</summary>
    /// <exception cref="PeftException"><paramref name="primary"/> is none of them.</exception>
    public static MetricSet Regression(string primary = "pearson") => new(LabelKind.Regression, 1, RealNumbers, primary);

    /// <summary>The metrics that suit a dataset's labels.</summary>
    /// <exception cref="PeftException">It has no labels, or no metric <paramref name="primary"/>.</exception>
    public static MetricSet For(TextDataset data, string? primary = null) => data.Kind switch
    {
        LabelKind.Class => Classification(data.Labels!.Count, primary ?? "accuracy"),
        LabelKind.MultiLabel => MultiLabel(data.Labels!.Count, primary ?? "f1_micro"),
        LabelKind.Regression => Regression(primary ?? "pearson"),
        LabelKind.Tokens => new(LabelKind.Tokens, 0, OfTokens, primary ?? "perplexity"),
        _ => throw new PeftException($"{data.Source} has no labels, so nothing can be scored on it; name its label column."),
    };

    /// <summary>All metrics of a dataset, in its row order.</summary>
    /// <param name="logits">The model's outputs, [rows, labels] row by row; [rows] for regression.</param>
    /// <param name="data">The dataset that they were computed on.</param>
    public IReadOnlyDictionary<string, double> Compute(ReadOnlySpan<float> logits, TextDataset data) => Kind switch
    {
        LabelKind.Regression => Compute(logits, data.Examples.Select(example => example.Target).ToArray().AsSpan()),
        LabelKind.MultiLabel => Compute(logits, [.. data.Examples.Select(example => example.Labels ?? [])]),
        _ => Compute(logits, data.Examples.Select(example => example.Label).ToArray().AsSpan()),
    };

    /// <summary>Metrics of answers of which any number of classes may hold at once. All are NaN if an output is.</summary>
    /// <param name="logits">[rows, labels] row by row; a class holds where its output is above 0.</param>
    /// <param name="labels">The classes that hold for each row.</param>
    public IReadOnlyDictionary<string, double> Compute(ReadOnlySpan<float> logits, IReadOnlyList<IReadOnlyList<int>> labels)
    {
        if (Kind != LabelKind.MultiLabel)
            throw new InvalidOperationException(
                "These metrics are for one class a row, targets or tokens; give those, not sets of classes.");
        var scores = new MultiLabelScores(logits, labels, _labels);
        if (HasNaN(logits)) return Names.ToDictionary(name => name, _ => double.NaN);
        var micro = scores.Micro;
        return Names.ToDictionary(name => name, name => name switch
        {
            "f1_micro" => micro.F1,
            "f1_macro" => scores.MacroF1,
            "exact_match" => scores.ExactMatch,
            "precision_micro" => micro.Precision,
            _ => micro.Recall,
        });
    }

    /// <summary>Classification metrics. All are NaN if a logit is: a model that diverged has no score.</summary>
    /// <param name="logits">[rows, labels] row by row; the largest is the prediction, the first of equals.</param>
    /// <param name="labels">True classes, [rows].</param>
    public IReadOnlyDictionary<string, double> Compute(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels)
    {
        if (Kind != LabelKind.Class)
            throw new InvalidOperationException("These metrics are for targets or tokens; give those, not classes.");
        if (logits.Length != labels.Length * _labels)
            throw new ArgumentException(
                $"{logits.Length} logits were given for {labels.Length} rows of {_labels} labels; there must be one per row and label.");
        if (HasNaN(logits)) return Names.ToDictionary(name => name, _ => double.NaN);
        var matrix = new ConfusionMatrix(Predictions(logits, _labels), labels, Math.Max(2, _labels));
        var positive = matrix.Scores(1);
        return Names.ToDictionary(name => name, name => name switch
        {
            "accuracy" => matrix.Accuracy,
            "matthews" => matrix.Matthews,
            "f1_macro" => matrix.MacroF1,
            "precision" => positive.Precision,
            "recall" => positive.Recall,
            _ => positive.F1,
        });
    }

    /// <summary>Regression metrics; NaN if a prediction is.</summary>
    public IReadOnlyDictionary<string, double> Compute(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets)
    {
        if (Kind != LabelKind.Regression) throw new InvalidOperationException("These metrics are for classes; give classes, not targets.");
        Scores.CheckLengths(predictions.Length, targets.Length);
        if (HasNaN(predictions)) return Names.ToDictionary(name => name, _ => double.NaN);
        return new Dictionary<string, double>
        {
            ["pearson"] = Scores.Pearson(predictions, targets),
            ["spearman"] = Scores.Spearman(predictions, targets),
            ["mse"] = Scores.MeanSquaredError(predictions, targets),
        };
    }

    /// <summary>The predicted class of each row: the index of its largest logit, the first of equals.</summary>
    public static int[] Predictions(ReadOnlySpan<float> logits, int labels)
    {
        var predictions = new int[logits.Length / labels];
        for (var row = 0; row < predictions.Length; row++)
        {
            var values = logits.Slice(row * labels, labels);
            for (var i = 1; i < labels; i++)
            {
                if (values[i] > values[predictions[row]]) predictions[row] = i;
            }
        }
        return predictions;
    }

    private static bool HasNaN(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (float.IsNaN(value)) return true;
        }
        return false;
    }
}
