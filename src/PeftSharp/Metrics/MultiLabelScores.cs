namespace PeftSharp.Metrics;

/// <summary>
/// Scores of answers of which any number of classes may hold at once, equal to those of scikit-learn: a class holds where its probability
/// is above 0.5, that is, its output above 0.
/// </summary>
public sealed class MultiLabelScores
{
    private readonly long[] _hits, _predicted, _expected;

    /// <summary>Counts answers.</summary>
    /// <param name="outputs">The model's outputs, [rows, classes] row by row.</param>
    /// <param name="expected">The classes that hold for each row, from 0, each once.</param>
    /// <param name="classes">Number of classes.</param>
    public MultiLabelScores(ReadOnlySpan<float> outputs, IReadOnlyList<IReadOnlyList<int>> expected, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (outputs.Length != expected.Count * classes)
            throw new ArgumentException(
                $"{outputs.Length} outputs were given for {expected.Count} rows of {classes} classes; there must be one per row and "
                + "class.");
        if (expected.Count == 0) throw new ArgumentException("A score needs at least one row; there is none.");
        (Classes, Rows) = (classes, expected.Count);
        (_hits, _predicted, _expected) = (new long[classes], new long[classes], new long[classes]);
        for (var row = 0; row < expected.Count; row++) Count(outputs.Slice(row * classes, classes), expected[row]);
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Rows for which the classes that hold are those of the answer, none missing and none too many.</summary>
    public long ExactRows { get; private set; }

    /// <summary>Rows for which some class holds by the answer.</summary>
    public long AnsweredRows { get; private set; }

    /// <summary>Share of rows whose classes are all right (scikit-learn's accuracy of such answers), 0 to 1.</summary>
    public double ExactMatch => (double)ExactRows / Rows;

    /// <summary>Precision, recall and F1 over all rows and classes together.</summary>
    public ClassScores Micro => ClassScores.Of(_hits.Sum(), _predicted.Sum(), _expected.Sum());

    /// <summary>Mean F1 of all classes; that of a class which neither holds nor is answered is 0.</summary>
    public double MacroF1 => Enumerable.Range(0, Classes).Average(label => Of(label).F1);

    /// <summary>Scores of one class.</summary>
    public ClassScores Of(int label) => ClassScores.Of(_hits[label], _predicted[label], _expected[label]);

    /// <summary>True if a class with this output holds.</summary>
    public static bool Holds(float output) => output > 0;

    private void Count(ReadOnlySpan<float> outputs, IReadOnlyList<int> expected)
    {
        var (right, answered) = (true, 0);
        foreach (var label in expected)
        {
            _expected[label]++;
            if (Holds(outputs[label])) _hits[label]++;
            else right = false;
        }
        for (var label = 0; label < outputs.Length; label++)
        {
            if (!Holds(outputs[label])) continue;
            _predicted[label]++;
            answered++;
        }
        if (right && answered == expected.Count) ExactRows++;
        if (answered > 0) AnsweredRows++;
    }
}
