using PeftSharp.Data;

namespace PeftSharp.Metrics;

/// <summary>The metrics of GLUE's tasks.</summary>
public static class GlueMetrics
{
    /// <summary>The metrics of a task; the primary one is the first that GLUE reports for it.</summary>
    public static MetricSet For(GlueTask task) => task.Kind == LabelKind.Regression
        ? MetricSet.Regression(task.Metrics[0])
        : MetricSet.Classification(task.Labels!.Count, task.Metrics[0]);
}
