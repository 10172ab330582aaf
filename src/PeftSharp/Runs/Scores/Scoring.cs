using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Training;

namespace PeftSharp.Runs.Scores;

/// <summary>Metrics of a model on a dataset.</summary>
internal static class Scoring
{
    /// <summary>The metrics of a GLUE task, or those that suit the labels.</summary>
    public static MetricSet MetricsFor(TextDataset data, GlueTask? task, string? primary) =>
        primary is null && task is not null ? GlueMetrics.For(task) : MetricSet.For(data, primary);

    /// <summary>Refuses data whose labels are not what the model answers.</summary>
    public static void Match(TextDataset data, LoadedModel model)
    {
        var head = model.Model.Model.Head;
        if (LabelCheck.KindOf(head.Kind) is { } answered && data.Kind != answered)
            throw new PeftException(
                $"{data.Source} holds {LabelCheck.Held(data.Kind)}, but the model answers with {LabelCheck.Said(answered)}; give data of "
                + "its task.");
        if (data.Labels is { } labels && labels.Count != head.Outputs)
            throw new PeftException(
                $"{data.Source} has {labels.Count} classes ({string.Join(", ", labels.Names.Take(10))}), but the model answers with "
                + $"{head.Outputs} ({string.Join(", ", model.Labels.Take(10))}); give data of its task.");
    }

    public static ConfusionMatrix Confusion(LogitTable outputs, TextDataset data) =>
        new(MetricSet.Predictions(outputs.Values, outputs.Width), data.Examples.Select(e => e.Label).ToArray(), outputs.Width);
}
