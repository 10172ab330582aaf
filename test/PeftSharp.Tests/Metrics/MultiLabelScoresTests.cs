using PeftSharp.Metrics;

namespace PeftSharp.Tests.Metrics;

/// <summary>Scores of answers of which any number of classes may hold, against numbers that were counted by hand.</summary>
public sealed class MultiLabelScoresTests
{
    // Three classes. Answers: {0, 1}, {}, {2}, {0}; true: {0}, {}, {1, 2}, {0}.
    private static readonly float[] Outputs = [1, 0.5f, -1, -1, 0, -2, -3, -0.1f, 4, 2, -1, -1];
    private static readonly IReadOnlyList<IReadOnlyList<int>> Expected = [[0], [], [1, 2], [0]];

    [Fact]
    public void Counts_Are_Those_Of_The_Hand()
    {
        var scores = new MultiLabelScores(Outputs, Expected, 3);
        Assert.Equal(new ClassScores(1, 1, 1, 2), scores.Of(0));
        Assert.Equal(new ClassScores(0, 0, 0, 1), scores.Of(1));
        Assert.Equal(new ClassScores(1, 1, 1, 1), scores.Of(2));
        // Three of four answers are right, three of four labels are found.
        Assert.Equal(new ClassScores(0.75, 0.75, 0.75, 4), scores.Micro);
        Assert.Equal(2.0 / 3, scores.MacroF1, 1e-15);
        Assert.Equal((0.5, 2, 3), (scores.ExactMatch, (int)scores.ExactRows, (int)scores.AnsweredRows));
    }

    [Fact]
    public void An_Output_Of_Zero_Holds_Not()
    {
        Assert.False(MultiLabelScores.Holds(0));
        Assert.True(MultiLabelScores.Holds(1e-30f));
        Assert.Equal(1, new MultiLabelScores([0f, 0f], [[]], 2).ExactMatch);
    }

    // scikit-learn: f1_score(y_true, y_pred, average="macro") counts a class without rows and answers as 0.
    [Fact]
    public void A_Class_That_Nobody_Names_Counts_As_Zero_In_The_Mean()
    {
        var scores = new MultiLabelScores([1f, -1f], [[0]], 2);
        Assert.Equal((1.0, 0.5), (scores.Micro.F1, scores.MacroF1));
        Assert.Equal(0, new MultiLabelScores([-1f, -1f], [[0]], 2).Micro.F1);
    }

    [Fact]
    public void The_Set_Of_Metrics_Has_Them_By_Name()
    {
        var set = MetricSet.MultiLabel(3);
        var values = set.Compute(Outputs, Expected);
        Assert.Equal(["f1_micro", "f1_macro", "exact_match", "precision_micro", "recall_micro"], values.Keys);
        Assert.Equal((0.75, 0.5), (values["f1_micro"], values["exact_match"]));
        Assert.Equal(2.0 / 3, values["f1_macro"], 1e-15);
        Assert.Equal(("f1_micro", true), (set.Primary, set.HigherIsBetter));
        Assert.All(set.Compute([float.NaN, 0, 0], [[0]]).Values, value => Assert.True(double.IsNaN(value)));
        Assert.Contains("no metric 'accuracy'", Assert.Throws<PeftException>(() => MetricSet.MultiLabel(3, "accuracy")).Message);
        Assert.Throws<InvalidOperationException>(() => MetricSet.Classification(3).Compute(Outputs, Expected));
    }
}
