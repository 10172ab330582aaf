using PeftSharp.Data;
using PeftSharp.Metrics;

namespace PeftSharp.Tests.Metrics;

public sealed class MetricSetTests
{
    [Fact]
    public void Binary_Task_Scores_Class_One()
    {
        var set = MetricSet.Classification(2, "f1");
        var values = set.Compute([0f, 1f, 2f, 1f, 0f, 3f, 5f, 5f], (ReadOnlySpan<int>)[1, 0, 0, 0]);
        Assert.Equal(["accuracy", "f1", "precision", "recall", "matthews"], values.Keys);
        Assert.Equal((0.75, 2.0 / 3, 0.5, 1.0), (values["accuracy"], values["f1"], values["precision"], values["recall"]));
        Assert.Equal(values["f1"], values[set.Primary]);
    }

    [Fact]
    public void More_Classes_Have_Macro_F1()
    {
        var values = MetricSet.Classification(3).Compute([1f, 0, 0, 0, 1, 0, 0, 0, 1], (ReadOnlySpan<int>)[0, 1, 2]);
        Assert.Equal([("accuracy", 1), ("f1_macro", 1), ("matthews", 1)], values.Select(v => (v.Key, v.Value)));
    }

    [Fact]
    public void Regression_Has_Correlations_And_An_Error()
    {
        var values = MetricSet.Regression().Compute([1f, 2, 3], (ReadOnlySpan<float>)[2f, 3, 4]);
        Assert.Equal(["pearson", "spearman", "mse"], values.Keys);
        Assert.All(values.Values, value => Assert.Equal(1, value, 1e-12));
        Assert.False(MetricSet.Regression("mse").HigherIsBetter);
        Assert.True(MetricSet.Regression().HigherIsBetter);
    }

    [Fact]
    public void Diverged_Model_Has_No_Score()
    {
        Assert.All(
            MetricSet.Classification(2).Compute([float.NaN, 1f], (ReadOnlySpan<int>)[1]).Values, value => Assert.True(double.IsNaN(value)));
        Assert.All(
            MetricSet.Regression().Compute([float.NaN, 1f], (ReadOnlySpan<float>)[1, 2]).Values, value => Assert.True(double.IsNaN(value)));
    }

    [Fact]
    public void Wrong_Settings_Are_Refused()
    {
        Assert.Contains("accuracy, f1_macro, matthews", Assert.Throws<PeftException>(() => MetricSet.Classification(3, "f1")).Message);
        Assert.Throws<ArgumentException>(() => MetricSet.Classification(2).Compute([1f], (ReadOnlySpan<int>)[1]));
        var unlabelled = new TextDataset([new Example("a", null, -1, 0, 1)], LabelKind.None, null, "memory");
        Assert.Contains("has no labels", Assert.Throws<PeftException>(() => MetricSet.For(unlabelled)).Message);
    }

    [Theory]
    [InlineData("CoLA", "matthews")]
    [InlineData("MRPC", "f1")]
    [InlineData("QQP", "f1")]
    [InlineData("STS-B", "pearson")]
    [InlineData("MNLI", "accuracy")]
    public void Glue_Tasks_Have_Their_Metric(string task, string primary)
    {
        var set = GlueMetrics.For(GlueTask.Find(task)!);
        Assert.Equal(primary, set.Primary);
        Assert.Subset(set.Names.ToHashSet(), GlueTask.Find(task)!.Metrics.ToHashSet());
    }

    [Fact]
    public void Outputs_Return_To_File_Order()
    {
        var table = new LogitTable(3, 2);
        table.Add([2, 0], [5f, 6, 1, 2]);
        Assert.Contains("Row 1", Assert.Throws<InvalidOperationException>(() => table.Values.Length).Message);
        table.Add([1], [3f, 4]);
        Assert.Equal([1f, 2, 3, 4, 5, 6], table.Values.ToArray());
        Example[] rows = [.. new[] { 1, 1, 0 }.Select((label, i) => new Example("a", null, label, 0, i))];
        var data = new TextDataset(rows, LabelKind.Class, new LabelMap(["no", "yes"]), "memory");
        Assert.Equal(2.0 / 3, MetricSet.For(data).Compute(table.Values, data)["accuracy"], 1e-12);
    }
}
