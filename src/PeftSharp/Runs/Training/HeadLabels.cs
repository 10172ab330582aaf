using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Runs.Training;

/// <summary>One source of labels: where the base's own head answers the data's classes, its order holds for the data too.</summary>
internal static class HeadLabels
{
    /// <summary>The rows with their classes numbered as the head numbers them; says aloud where a new head is drawn instead.</summary>
    public static TrainRows Agree(string folder, string name, TrainRows all, RunObserver observer)
    {
        var (rows, held, task) = all;
        if (rows.Kind == LabelKind.Tokens || ModelLoader.HeadOf(folder) is not { } head) return all;
        if (rows.Labels is not { } data)
        {
            if (head.Task != TaskKind.Regression)
                observer.Remark($"head: that of {name} answers {Said(head)}; for a number a new one is drawn.");
            return all;
        }
        var asked = rows.Kind == LabelKind.MultiLabel ? TaskKind.MultiLabel : TaskKind.Classification;
        if (head.Task != asked || head.Labels is not { } own || LabelNames.Places(own, data.Names) is not { } places)
        {
            var several = asked == TaskKind.MultiLabel ? "any number of " : "";
            observer.Remark(
                $"head: that of {name} answers {Said(head)}; for {several}{Some(data.Names)} a new one is drawn.");
            return all;
        }
        var named = LabelNames.Match(own, data.Names) is null && !LabelNames.AreIndices(own);
        // GLUE's metrics know its classes by number; the loader puts the head's rows in their order then.
        if (!named && (task is not null || places.Select((place, i) => place == i).All(same => same))) return all;
        var names = named ? own : Enumerable.Range(0, own.Count).Select(i => data.Names[Array.IndexOf(places, i)]);
        var labels = new LabelMap(names);
        observer.Remark($"labels: {Some(labels.Names)}, in the order of the head of {name}, which is trained on.");
        return new(rows.WithLabels(labels), held?.WithLabels(labels), task);
    }

    private static string Said((TaskKind Task, IReadOnlyList<string>? Labels) head) => head.Task switch
    {
        TaskKind.Regression => "a number",
        TaskKind.MultiLabel => $"any number of {Some(head.Labels ?? [])} at once",
        TaskKind.Classification => head.Labels is { } labels ? Some(labels) : "unnamed classes",
        TaskKind.TokenClassification => "for each token",
        _ => "other questions",
    };

    private static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(10)) + (names.Count > 10 ? ", …" : "");
}
