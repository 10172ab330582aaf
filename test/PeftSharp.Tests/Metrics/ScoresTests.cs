using System.Text.Json;
using PeftSharp.Metrics;

namespace PeftSharp.Tests.Metrics;

public sealed class MetricsTests
{
    private const double Tolerance = 1e-12;

    public static TheoryData<int> Cases()
    {
        using var cases = Fixture();
        return [.. Enumerable.Range(0, cases.RootElement.GetArrayLength())];
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Values_Equal_The_Reference(int index)
    {
        using var cases = Fixture();
        var expected = cases.RootElement[index];
        var compared = 0;
        foreach (var property in expected.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Number))
        {
            Assert.Equal(property.Value.GetDouble(), Value(property.Name, expected), Tolerance);
            compared++;
        }
        Assert.True(compared >= 3);
    }

    private static double Value(string name, JsonElement rows)
    {
        if (rows.GetProperty("kind").GetString() == "regression")
        {
            var (p, e) = (Numbers(rows, "predictions", i => i.GetDouble()), Numbers(rows, "labels", i => i.GetDouble()));
            return name switch
            {
                "pearson" => Scores.Pearson<double>(p, e),
                "spearman" => Scores.Spearman<double>(p, e),
                "mse" => Scores.MeanSquaredError<double>(p, e),
                _ => throw new NotSupportedException(name),
            };
        }
        var (predicted, labels) = (Numbers(rows, "predictions", i => i.GetInt32()), Numbers(rows, "labels", i => i.GetInt32()));
        return name switch
        {
            "accuracy" => Scores.Accuracy(predicted, labels),
            "matthews" => Scores.Matthews(predicted, labels),
            "f1" => Scores.F1(predicted, labels),
            "f1_macro" => Scores.MacroF1(predicted, labels),
            "precision" => Scores.Precision(predicted, labels),
            "recall" => Scores.Recall(predicted, labels),
            _ => throw new NotSupportedException(name),
        };
    }

    [Fact]
    public void Undefined_Correlations_Are_NaN_As_In_Scipy()
    {
        Assert.Equal(double.NaN, Scores.Pearson<float>([0.1f, 0.1f, 0.1f], [1, 2, 3]));
        Assert.Equal(double.NaN, Scores.Spearman<float>([1, 2, 3], [4, 4, 4]));
        Assert.Equal(double.NaN, Scores.Pearson<float>([1], [2]));
    }

    [Fact]
    public void Ties_Share_Their_Mean_Rank() => Assert.Equal([3.5, 1.5, 3.5, 1.5, 5], Correlation.Ranks([2, 1, 2, 1, 9]));

    [Fact]
    public void Constant_Sides_Score_Zero()
    {
        Assert.Equal(0, Scores.Matthews([1, 1, 1], [1, 1, 1]));
        Assert.Equal(0, Scores.F1([0, 0], [0, 0]));
        Assert.Equal(1, Scores.MacroF1([0, 0], [0, 0]));
        Assert.Equal(1, Scores.MacroF1([2, 0], [2, 0]));
    }

    [Fact]
    public void Rows_Must_Match()
    {
        Assert.Throws<ArgumentException>(() => Scores.Accuracy([1], [1, 0]));
        Assert.Throws<ArgumentException>(() => Scores.Accuracy([], []));
        Assert.Throws<ArgumentException>(() => Scores.Pearson<float>([1], []));
        Assert.Throws<ArgumentException>(() => new ConfusionMatrix([3], [0], 3));
    }

    [Fact]
    public void Confusion_Matrix_Counts_And_Scores_Classes()
    {
        var matrix = new ConfusionMatrix([0, 1, 1, 2, 2, 2], [0, 1, 2, 2, 2, 0], 4);
        Assert.Equal((1, 1, 2, 0), (matrix[0, 2], matrix[2, 1], matrix[2, 2], matrix[1, 0]));
        var two = matrix.Scores(2);
        Assert.Equal((2.0 / 3, 2.0 / 3, 2.0 / 3, 3L), (two.Precision, two.Recall, two.F1, two.Support));
        Assert.Equal(new ClassScores(0, 0, 0, 0), matrix.Scores(3));
        Assert.Equal(4.0 / 6, matrix.Accuracy, Tolerance);
    }

    private static T[] Numbers<T>(JsonElement rows, string name, Func<JsonElement, T> read) =>
        [.. rows.GetProperty(name).EnumerateArray().Select(read)];

    private static JsonDocument Fixture() => JsonDocument.Parse(File.ReadAllBytes(TestPaths.Fixture("metrics.json")));
}
