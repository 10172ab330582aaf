using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>What a configuration says of the head that its checkpoint has.</summary>
/// <param name="Task">Its task; null where the checkpoint has no head, or does not say.</param>
/// <param name="Labels">Names of its classes, told apart; null where there are none.</param>
/// <param name="Card">What this program wrote of it; null if another one wrote the configuration.</param>
internal sealed record StoredHead(TaskKind? Task, IReadOnlyList<string>? Labels, AnswerCard? Card)
{
    private const string Sequence = "ForSequenceClassification",
        Regression = "regression", SeveralLabels = "multi_label_classification", OneLabel = "single_label_classification";

    /// <summary>Reads the fields about the head.</summary>
    /// <exception cref="PeftException">They contradict each other.</exception>
    public static StoredHead Of(ModelConfig config)
    {
        var labels = config.Labels();
        var task = TaskOf(config, labels);
        var card = config.Json[AnswerCard.Key] is { } json ? AnswerCard.Parse(json.ToJsonString(), config.File) : null;
        if (card is null) return new(task, labels, null);
        if (task is { } known && known != card.Task)
            throw Contradiction(config, $"\"task\" is {card.Task}, but \"architectures\" and \"problem_type\" say {known}");
        if (card.Labels is { } names && labels is not null && !LabelNames.Distinct(names).SequenceEqual(labels))
            throw Contradiction(config, $"\"labels\" are {Some(names)}, but \"id2label\" has {Some(labels)}");
        return new(card.Task == TaskKind.Embedding ? null : card.Task, card.Labels ?? labels, card);
    }

    /// <summary>The task that the checkpoint answers as it stands.</summary>
    /// <exception cref="PeftException">Its head answers what no head here does.</exception>
    public TaskKind AnsweredTask(ModelConfig config) => Task == TaskKind.Regression && Labels?.Count > 1
        ? throw new PeftException(
            $"{config.File}: field \"problem_type\" is \"{Regression}\" with {Labels.Count} labels: several numbers for a text, which is "
            + "not supported; train a new head on it for one number or for classes.")
        : Task ?? TaskKind.Embedding;

    private static TaskKind? TaskOf(ModelConfig config, IReadOnlyList<string>? labels)
    {
        var architecture = (config.Json["architectures"] as JsonArray)?.FirstOrDefault()?.ToString() ?? "";
        if (architecture.EndsWith("ForTokenClassification", StringComparison.Ordinal)) return TaskKind.TokenClassification;
        if (architecture.EndsWith("ForQuestionAnswering", StringComparison.Ordinal)) return TaskKind.QuestionAnswering;
        if (architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal)) return TaskKind.SequenceToSequence;
        var generates = architecture.EndsWith("ForCausalLM", StringComparison.Ordinal)
            || architecture.EndsWith("LMHeadModel", StringComparison.Ordinal);
        if (generates && Architectures.Find(config.ModelType)?.Tasks.Contains(TaskKind.CausalLanguage) != false)
            return TaskKind.CausalLanguage;
        if (!architecture.EndsWith(Sequence, StringComparison.Ordinal)) return null;
        return config.Text("problem_type", "") switch
        {
            Regression => TaskKind.Regression,
            SeveralLabels => TaskKind.MultiLabel,
            OneLabel => TaskKind.Classification,
            "" => labels?.Count == 1 ? TaskKind.Regression : TaskKind.Classification,
            var other =>
                throw new PeftException(
                    $"{config.File}: field \"problem_type\" is {Quoted.Name(other)}; expected \"{OneLabel}\", \"{SeveralLabels}\" or "
                    + $"\"{Regression}\"."),
        };
    }

    private static PeftException Contradiction(ModelConfig config, string what) =>
        new($"{config.File}: of the card \"{AnswerCard.Key}\" {what}; the file was changed by hand, write it anew from its source.");

    private static string Some(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(10).Select(Quoted.Name)) + (names.Count > 10 ? ", …" : "");
}
