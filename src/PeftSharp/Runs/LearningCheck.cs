using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>Compares a loss, and scores where there are any, with what guessing gives.</summary>
/// <param name="Result">The verdict.</param>
/// <param name="Loss">The loss that was judged: mean cross-entropy in nats, or mean squared error.</param>
/// <param name="Chance">The loss of the best guess that does not look at the rows.</param>
/// <param name="Answer">The class of every answer, where there is but one and the scores tell which; else -1.</param>
internal sealed record LearningCheck(Learnt Result, double Loss, double Chance, int Answer = -1)
{
    // A loss this near to that of guessing is taken for it; so is a correlation this near to 0.
    private const double AtChance = 0.98, Weak = 0.1, Slight = 0.01;

    /// <summary>Judges scores of labelled rows.</summary>
    /// <param name="scores">The scores, the loss among them.</param>
    /// <param name="rows">The rows that were scored.</param>
    public static LearningCheck OfScores(EvaluationResult scores, TextDataset rows)
    {
        double Value(string name) => scores.Values.GetValueOrDefault(name, double.NaN);
        var (loss, chance) = (Value("loss"), Chances(rows, out var counts));
        if (!double.IsFinite(loss)) return new(Learnt.Diverged, loss, chance);
        // A language model knows much before it learns anything: no guess is comparable.
        if (rows.Kind == LabelKind.Tokens) return new(Learnt.Something, loss, chance);
        if (rows.Kind == LabelKind.Regression)
        {
            var correlation = Value("pearson");
            var knows = double.IsFinite(correlation) && correlation > Weak;
            return new(loss > AtChance * chance && !knows ? Learnt.AtChance : Learnt.Something, loss, chance);
        }
        if (rows.Kind == LabelKind.MultiLabel)
        {
            var knows = Value("f1_micro") > Constant(counts, rows.Count) + Slight;
            return new(loss > AtChance * chance && !knows ? Learnt.AtChance : Learnt.Something, loss, chance);
        }
        var only = OnlyAnswers(Value, counts, rows.Count);
        if (only.Count > 0) return new(Learnt.OneAnswer, loss, chance, only.Count == 1 ? only[0] : -1);
        return new(
            loss > AtChance * chance && Value("matthews") < Weak && counts.Count(c => c > 0) > 1 ? Learnt.AtChance : Learnt.Something, loss,
            chance);
    }

    /// <summary>Judges the loss of training alone, where nothing was scored.</summary>
    /// <param name="loss">Its mean over the last steps.</param>
    /// <param name="rows">The rows that were trained on.</param>
    public static LearningCheck OfLoss(double loss, TextDataset rows)
    {
        var chance = Chances(rows, out _);
        if (!double.IsFinite(loss)) return new(Learnt.Diverged, loss, chance);
        return new(loss > AtChance * chance && chance > 0 ? Learnt.AtChance : Learnt.Something, loss, chance);
    }

    /// <summary>The classes that hold for every row, where all rows are answered alike; null where they are not.</summary>
    public static IReadOnlyList<int>? OnlySet(LogitTable outputs)
    {
        var values = outputs.Values;
        var width = outputs.Width;
        for (var i = width; i < values.Length; i++)
            if (MultiLabelScores.Holds(values[i]) != MultiLabelScores.Holds(values[i % width])) return null;
        var set = new List<int>();
        for (var label = 0; label < width; label++)
            if (MultiLabelScores.Holds(values[label])) set.Add(label);
        return set;
    }

    // Micro F1 of answering every row with the classes that most rows have.
    private static double Constant(int[] counts, int rows)
    {
        var common = counts.Where(count => 2 * count > rows).ToList();
        return ClassScores.Of(common.Sum(), (long)common.Count * rows, counts.Sum()).F1;
    }

    /// <summary>The class of all predictions; -1 where there are several, or none.</summary>
    public static int OnlyAnswer(ReadOnlySpan<int> predictions) =>
        predictions.Length > 0 && predictions.IndexOfAnyExcept(predictions[0]) < 0 ? predictions[0] : -1;

    // Answers that are all alike have no correlation with the classes, the share of theirs for an accuracy, and the F1 that this gives.
    private static List<int> OnlyAnswers(Func<string, double> value, int[] counts, int rows)
    {
        var classes = counts.Count(count => count > 0);
        if (value("matthews") != 0 || classes < 2) return [];
        bool Fits(int label)
        {
            var share = (double)counts[label] / rows;
            if (!Near(value("accuracy"), share)) return false;
            // Of two classes, all rows of the second are found, or none.
            return counts.Length == 2 ? Near(value("recall"), label) : Near(value("f1_macro"), 2 * share / (1 + share) / classes);
        }
        return [.. Enumerable.Range(0, counts.Length).Where(label => counts[label] > 0 && Fits(label))];
    }

    private static bool Near(double a, double b) => Math.Abs(a - b) < 1e-9;

    // The entropy of the classes' shares, or the variance of the targets.
    private static double Chances(TextDataset rows, out int[] counts)
    {
        counts = new int[rows.Labels?.Count ?? 0];
        double sum = 0, squares = 0;
        foreach (var row in rows.Examples)
        {
            if (row.Label >= 0 && row.Label < counts.Length) counts[row.Label]++;
            foreach (var label in row.Labels ?? []) counts[label]++;
            if (rows.Kind != LabelKind.Regression) continue;
            sum += row.Target;
            squares += (double)row.Target * row.Target;
        }
        if (rows.Kind == LabelKind.Regression) return squares / rows.Count - sum / rows.Count * (sum / rows.Count);
        // Each class is a question of its own.
        if (rows.Kind == LabelKind.MultiLabel)
            return counts.Sum(count => Entropy((double)count / rows.Count) + Entropy(1 - (double)count / rows.Count)) / counts.Length;
        return counts.Where(count => count > 0).Sum(count => Entropy((double)count / rows.Count));
    }

    private static double Entropy(double share) => share <= 0 ? 0 : -share * Math.Log(share);
}
