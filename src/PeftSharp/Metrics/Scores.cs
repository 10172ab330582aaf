using System.Numerics;

namespace PeftSharp.Metrics;

/// <summary>Scores of predictions, equal to those of scikit-learn and scipy.</summary>
internal static class Scores
{
    /// <summary>Share of predictions that are right, 0 to 1.</summary>
    public static double Accuracy(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected) => Matrix(predicted, expected).Accuracy;

    /// <summary>Matthews correlation, -1 to 1, for any number of classes (Gorodkin 2004); 0 where one side is constant.</summary>
    public static double Matthews(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected) => Matrix(predicted, expected).Matthews;

    /// <summary>Precision of one class; 0 where it is never predicted.</summary>
    public static double Precision(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected, int positive = 1) =>
        Matrix(predicted, expected).Scores(positive).Precision;

    /// <summary>Recall of one class; 0 where it never occurs.</summary>
    public static double Recall(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected, int positive = 1) =>
        Matrix(predicted, expected).Scores(positive).Recall;

    /// <summary>F1 of one class: harmonic mean of precision and recall; 0 where both are.</summary>
    public static double F1(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected, int positive = 1) =>
        Matrix(predicted, expected).Scores(positive).F1;

    /// <summary>Mean F1 of the classes that occur or are predicted.</summary>
    public static double MacroF1(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected) => Matrix(predicted, expected).MacroF1;

    /// <summary>Pearson correlation, -1 to 1; NaN where one side is constant or has fewer than two values.</summary>
    public static double Pearson<T>(ReadOnlySpan<T> predicted, ReadOnlySpan<T> expected) where T : struct, INumber<T>
    {
        CheckLengths(predicted.Length, expected.Length);
        return Correlation.Pearson(Doubles(predicted), Doubles(expected));
    }

    /// <summary>Spearman rank correlation, -1 to 1, ties sharing their mean rank; NaN as for Pearson.</summary>
    public static double Spearman<T>(ReadOnlySpan<T> predicted, ReadOnlySpan<T> expected) where T : struct, INumber<T>
    {
        CheckLengths(predicted.Length, expected.Length);
        return Correlation.Pearson(Correlation.Ranks(Doubles(predicted)), Correlation.Ranks(Doubles(expected)));
    }

    /// <summary>Mean squared error, 0 or more.</summary>
    public static double MeanSquaredError<T>(ReadOnlySpan<T> predicted, ReadOnlySpan<T> expected) where T : struct, INumber<T>
    {
        CheckLengths(predicted.Length, expected.Length);
        var sum = 0.0;
        for (var i = 0; i < predicted.Length; i++)
        {
            var difference = double.CreateChecked(predicted[i]) - double.CreateChecked(expected[i]);
            sum += difference * difference;
        }
        return sum / predicted.Length;
    }

    internal static void CheckLengths(int predicted, int expected)
    {
        if (predicted != expected)
            throw new ArgumentException($"{predicted} predictions were given for {expected} labels; there must be as many.");
        if (expected == 0) throw new ArgumentException("A score needs at least one row; there is none.");
    }

    private static ConfusionMatrix Matrix(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected)
    {
        CheckLengths(predicted.Length, expected.Length);
        var classes = 2;
        for (var i = 0; i < expected.Length; i++) classes = Math.Max(classes, Math.Max(predicted[i], expected[i]) + 1);
        return new ConfusionMatrix(predicted, expected, classes);
    }

    private static double[] Doubles<T>(ReadOnlySpan<T> values) where T : struct, INumber<T>
    {
        var doubles = new double[values.Length];
        for (var i = 0; i < doubles.Length; i++) doubles[i] = double.CreateChecked(values[i]);
        return doubles;
    }
}
