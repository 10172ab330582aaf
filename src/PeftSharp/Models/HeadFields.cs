using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>The fields of <c>config.json</c> that speak of the head: they follow the head, and nothing of an earlier one stays.</summary>
internal static class HeadFields
{
    private static readonly string[] All = ["id2label", "label2id", "num_labels", "problem_type", "finetuning_task", AnswerCard.Key];

    /// <summary>Describes a head.</summary>
    /// <param name="config">The configuration, changed in place.</param>
    /// <param name="architecture">The architecture, whose class is named.</param>
    /// <param name="task">What the head answers.</param>
    /// <param name="labels">Names of its classes; null where there are none.</param>
    public static void Write(ModelConfig config, Architecture architecture, TaskKind task, IReadOnlyList<string>? labels)
    {
        foreach (var field in All) config.Json.Remove(field);
        config.Json["architectures"] = new JsonArray($"{architecture.ClassName}{Head(task, architecture)}");
        var problem = task switch
        {
            TaskKind.Classification => "single_label_classification",
            TaskKind.MultiLabel => "multi_label_classification",
            TaskKind.Regression => "regression",
            _ => null,
        };
        if (problem is not null) config.Json["problem_type"] = problem;
        if (task == TaskKind.Regression) labels = LabelNames.Defaults(1);
        if (labels is null) return;
        config.Json["id2label"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create($"{i}", (JsonNode?)l)));
        config.Json["label2id"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create(l, (JsonNode?)i)));
    }

    /// <summary>A sentence where fields about a checkpoint's own classes contradict each other; none where they agree.</summary>
    /// <remarks>As in transformers, id2label decides. Names that label2id lacks (LABEL_0 and so on beside own ones) say nothing.</remarks>
    public static IReadOnlyList<string> Remarks(ModelConfig config, TransformerModel model)
    {
        var hasClasses = model.Head.Kind is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.TokenClassification;
        if (!hasClasses || model.Created.Count > 0 || config.Json["id2label"] is not JsonObject names) return [];
        if (config.Json["num_labels"] is JsonValue count && count.TryGetValue<int>(out var said) && said != names.Count)
            return [$"{config.File}: num_labels is {said}, but id2label names {names.Count}: id2label counts."];
        if (config.Json["label2id"] is not JsonObject ids) return [];
        var other = names.FirstOrDefault(
            pair => pair.Value is JsonValue value && value.TryGetValue<string>(out var name) && ids[name] is JsonValue id
                && id.TryGetValue<int>(out var number) && int.TryParse(pair.Key, out var key) && number != key);
        if (other.Value is null) return [];
        var label = $"{other.Value}";
        return
        [
            $"{config.File}: id2label gives {Quoted.Name(label)} the number {other.Key}, but label2id gives it {ids[label]}: id2label "
            + "counts, as in transformers; make the two agree.",
        ];
    }

    /// <summary>Describes the same model without its head.</summary>
    public static void WriteBare(ModelConfig config)
    {
        Write(config, Architectures.Of(config), TaskKind.Embedding, null);
    }

    private static string Head(TaskKind task, Architecture architecture) => task switch
    {
        TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression => "ForSequenceClassification",
        TaskKind.TokenClassification => "ForTokenClassification",
        TaskKind.QuestionAnswering => "ForQuestionAnswering",
        TaskKind.CausalLanguage => architecture.LanguageModelClass,
        TaskKind.SequenceToSequence => "ForConditionalGeneration",
        _ => "Model",
    };
}
