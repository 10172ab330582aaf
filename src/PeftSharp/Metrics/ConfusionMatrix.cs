namespace PeftSharp.Metrics;

/// <summary>How often each class was taken for each.</summary>
public sealed class ConfusionMatrix
{
    private readonly long[,] _counts;

    /// <summary>Counts predictions.</summary>
    /// <param name="predicted">Predicted classes, 0 to <paramref name="classes"/> - 1.</param>
    /// <param name="expected">True classes, as many.</param>
    /// <param name="classes">Number of classes.</param>
    public ConfusionMatrix(ReadOnlySpan<int> predicted, ReadOnlySpan<int> expected, int classes)
    {
        PeftSharp.Metrics.Scores.CheckLengths(predicted.Length, expected.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        Classes = classes;
        Total = expected.Length;
        _counts = new long[classes, classes];
        for (var i = 0; i < expected.Length; i++)
        {
            if ((uint)expected[i] >= (uint)classes || (uint)predicted[i] >= (uint)classes)
                throw new ArgumentException($"Row {i} has class {expected[i]}, predicted {predicted[i]}; classes are 0 to {classes - 1}.");
            _counts[expected[i], predicted[i]]++;
        }
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Number of rows.</summary>
    public long Total { get; }

    /// <summary>Rows of one class that were predicted to be of another.</summary>
    public long this[int expected, int predicted] => _counts[expected, predicted];

    /// <summary>Share of predictions that are right.</summary>
    public double Accuracy => (double)Enumerable.Range(0, Classes).Sum(c => _counts[c, c]) / Total;

    /// <summary>Mean F1 of the classes that occur or are predicted.</summary>
    public double MacroF1 =>
        Enumerable.Range(0, Classes).Where(c => ExpectedCount(c) + PredictedCount(c) > 0).Average(c => Scores(c).F1);

    /// <summary>Matthews correlation for any number of classes; 0 where one side is constant.</summary>
    public double Matthews
    {
        get
        {
            double total = Total, correct = 0, cross = 0, expectedSquares = 0, predictedSquares = 0;
            for (var c = 0; c < Classes; c++)
            {
                double e = ExpectedCount(c), p = PredictedCount(c);
                correct += _counts[c, c];
                cross += e * p;
                expectedSquares += e * e;
                predictedSquares += p * p;
            }
            var scale = Math.Sqrt((total * total - predictedSquares) * (total * total - expectedSquares));
            return scale == 0 ? 0 : (correct * total - cross) / scale;
        }
    }

    /// <summary>Precision, recall and F1 of a class.</summary>
    public ClassScores Scores(int label) => ClassScores.Of(_counts[label, label], PredictedCount(label), ExpectedCount(label));

    private long ExpectedCount(int label) => Enumerable.Range(0, Classes).Sum(p => _counts[label, p]);

    private long PredictedCount(int label) => Enumerable.Range(0, Classes).Sum(e => _counts[e, label]);
}
