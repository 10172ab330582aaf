using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Training;

namespace PeftSharp.Tests.Runs;

public sealed class LearningCheckTests
{
    private static TextDataset Classes(params int[] labels) =>
        new(
            [.. labels.Select((label, i) => new Example("a", null, label, float.NaN, i + 1))], LabelKind.Class, new LabelMap(["no", "yes"]),
            "memory");

    private static LearningCheck Judge(double loss, float[] logits, TextDataset data)
    {
        var values = new Dictionary<string, double>(MetricSet.For(data).Compute(logits, data)) { ["loss"] = loss };
        return LearningCheck.OfScores(new EvaluationResult(values, "accuracy", true, data.Count, 1), data);
    }

    [Fact]
    public void One_Answer_For_Every_Row_Is_No_Learning_However_High_The_Score()
    {
        // Two thirds are "yes": F1 is 0.8.
        var check = Judge(0.6, [0, 1, 0, 1, 0, 1], Classes(1, 1, 0));
        Assert.Equal((Learnt.OneAnswer, 1), (check.Result, check.Answer));
        Assert.Equal(-(2 / 3.0 * Math.Log(2 / 3.0) + 1 / 3.0 * Math.Log(1 / 3.0)), check.Chance, 12);
        Assert.Equal(0, Judge(0.6, [1, 0, 1, 0, 1, 0, 1, 0], Classes(1, 1, 0, 0)).Answer);
        Assert.Equal(1, LearningCheck.OnlyAnswer([1, 1, 1]));
        Assert.Equal(-1, LearningCheck.OnlyAnswer([1, 0, 1]));
    }

    [Fact]
    public void A_Loss_At_Chance_With_Wrong_Answers_Is_No_Learning()
    {
        Assert.Equal(Learnt.AtChance, Judge(0.69, [0, 1, 1, 0, 0, 1, 1, 0], Classes(1, 1, 0, 0)).Result);
        // A confident model may have a high loss and be right.
        Assert.Equal(Learnt.Something, Judge(0.9, [0, 1, 0, 1, 1, 0, 1, 0], Classes(1, 1, 0, 0)).Result);
        Assert.Equal(Learnt.Something, Judge(0.4, [0, 1, 0, 1, 1, 0, 0, 1], Classes(1, 1, 0, 0)).Result);
        Assert.Equal(Learnt.Diverged, Judge(double.NaN, [0, 1, 0, 1, 1, 0, 0, 1], Classes(1, 1, 0, 0)).Result);
    }

    [Fact]
    public void The_Loss_Of_Training_Is_Held_Against_The_Shares_Of_The_Classes()
    {
        Assert.Equal(Learnt.AtChance, LearningCheck.OfLoss(0.693, Classes(1, 0, 1, 0)).Result);
        Assert.Equal(Learnt.AtChance, LearningCheck.OfLoss(0.57, Classes(1, 0, 0, 0)).Result);
        Assert.Equal(Learnt.Something, LearningCheck.OfLoss(0.57, Classes(1, 0, 1, 0)).Result);
    }

    [Fact]
    public void Numbers_Are_Held_Against_Their_Variance()
    {
        var data = new TextDataset(
            [.. new[] { 1f, 2f, 3f, 4f }.Select((t, i) => new Example("a", null, -1, t, i + 1))], LabelKind.Regression, null, "memory");
        Assert.Equal(1.25, LearningCheck.OfLoss(2, data).Chance, 6);
        Assert.Equal(Learnt.AtChance, LearningCheck.OfLoss(1.25, data).Result);
        Assert.Equal(Learnt.Something, LearningCheck.OfLoss(0.5, data).Result);
    }
}
