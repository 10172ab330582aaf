using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Composition;

/// <summary>
/// Compares the classes of data with those that a head answers: a class learnt under another's number is an inverted answer.
/// </summary>
internal static class LabelCheck
{
    /// <summary>Refuses data that the head does not answer; rows without labels are answered by any.</summary>
    /// <exception cref="PeftException">Kind, number, names or order of the classes differ.</exception>
    public static void Require(DataOrigin data, TransformerModel model, AnswerCard card, int outputs)
    {
        // An adapter's own head may answer with a number where the base's answers with classes.
        var (names, kind) = (card.Labels, card.Task == TaskKind.Regression ? card.Task : model.Head.Kind);
        if (data.Kind == LabelKind.None || KindOf(kind) is not { } answered) return;
        if (data.Kind != answered)
            throw new PeftException(
                $"{data.Source} holds {Held(data.Kind)}, but the model answers with {Said(answered)}; load the model with "
                + "ModelOptions.For(data), or give data of its task.");
        if (data.Labels is not { } labels) return;
        if (labels.Count != outputs)
            throw new PeftException(
                $"{data.Source} has {labels.Count} classes ({Some(labels)}), but the model's head has {outputs} "
                + $"outputs{(names is null ? "" : $" ({Some(names)})")}; load the model with ModelOptions.For(data).");
        if (names is null || LabelNames.Match(names, labels) is null && (LabelNames.AreIndices(names) || LabelNames.AreIndices(labels)))
            return;
        if (LabelNames.Match(names, labels) is not { } places)
            throw new PeftException(
                $"{data.Source} has the classes {Some(labels)}, but the model answers {Some(names)}; load the model with "
                + "ModelOptions.For(data).");
        if (places.Select((place, i) => place == i).All(same => same)) return;
        throw new PeftException(
            $"{data.Source} numbers its classes {Some(labels)}, but the model answers {Some(names)} in this order, so that answers would "
            + "be swapped; "
            + "load the data with DataOptions.Labels = new LabelMap(model.Labels), or the model with ModelOptions.For(data).");
    }

    /// <summary>The kind of labels that a head's answers are compared with; null where rows have none of their own.</summary>
    public static LabelKind? KindOf(TaskKind task) => task switch
    {
        TaskKind.Classification => LabelKind.Class,
        TaskKind.MultiLabel => LabelKind.MultiLabel,
        TaskKind.Regression => LabelKind.Regression,
        _ => null,
    };

    /// <summary>What data with such labels holds, in words.</summary>
    public static string Held(LabelKind kind) => kind == LabelKind.Regression ? "numbers" : Said(kind);

    /// <summary>What a model with such labels answers with, in words.</summary>
    public static string Said(LabelKind kind) => kind switch
    {
        LabelKind.Class => "classes",
        LabelKind.MultiLabel => "any number of classes at once",
        LabelKind.Regression => "a number",
        LabelKind.Tokens => "texts",
        _ => "no labels",
    };

    private static string Some(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(10).Select(Quoted.Name)) + (names.Count > 10 ? ", …" : "");
}
