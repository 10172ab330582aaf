using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Runs;

/// <summary>How a base is to be loaded for an adapter: the adapter says what the head is, for the base has another one, or none.</summary>
/// <param name="Options">Task, labels, pooling and quantisation.</param>
internal sealed record SavedHead(ModelOptions Options)
{
    private static readonly string[] Classifiers =
    [
        "classifier.weight", "classifier.out_proj.weight", "classification_head.out_proj.weight", "score.weight", "qa_outputs.weight",
    ];

    /// <summary>Decides it from the adapter's tensors, its card, its settings and the base's configuration, in this order.</summary>
    /// <exception cref="PeftException">They contradict each other.</exception>
    public static SavedHead Of(AdapterFolder saved, AnswerCard? card, ModelConfig config)
    {
        if (card is not null && saved.Pooling is { } pooling && pooling != card.Pooling)
            throw new PeftException(
                $"{saved.SettingsFile}: \"task_type\" names {pooling} pooling, but the card in {saved.WeightsFile} says {card.Pooling}; "
                + "the files do not belong together.");
        var options = new ModelOptions { Pooling = card?.Pooling ?? saved.Pooling, Quantize = card?.Quantize };
        var task = TaskOf(saved, card);
        var described = saved.HeadConfig();
        if (described is { Head: { } flexible })
        {
            RequireRows(saved, $"{flexible.Path(flexible.Layers - 1)}.weight", described.Labels!.Count);
            if (card is not null && card.Task != described.Task) throw Unlike(saved, described.Task, card);
            var unnamed = described.Task is TaskKind.Regression or TaskKind.QuestionAnswering;
            return new(
                options with
                {
                    FlexibleHead = flexible,
                    Task = described.Task,
                    Labels = unnamed ? null : card?.Labels ?? described.Labels,
                });
        }
        if (described is { LanguageMap: not null })
        {
            if (card is not null && card.Task != described.Task) throw Unlike(saved, described.Task, card);
            return new(options with { Task = described.Task });
        }
        if (Outputs(saved) is not { } outputs) return new(options with { Task = task, Labels = card?.Labels });
        if (card?.Labels is { } named && named.Count != outputs && card.Task != TaskKind.Regression)
            throw new PeftException(
                $"{saved.WeightsFile}: the adapter's head has {outputs} outputs, but {named.Count} labels are named with it "
                + $"({string.Join(", ", named.Take(10).Select(Quoted.Name))}); the files do not belong together.");
        // peft's files do not say whether several classes may hold at once; the base's configuration does.
        var several = StoredHead.Of(config) is { Task: TaskKind.MultiLabel, Labels: var held } && (held?.Count ?? outputs) == outputs;
        task ??= several ? TaskKind.MultiLabel : outputs == 1 ? TaskKind.Regression : TaskKind.Classification;
        if (task == TaskKind.Regression) return new(options with { Task = task });
        var labels = card?.Labels
            ?? (described?.Labels is { } told && told.Count == outputs ? told : null)
            ?? (StoredHead.Of(config).Labels is { } own && own.Count == outputs ? own : LabelNames.Defaults(outputs));
        return new(options with { Task = task, Labels = task == TaskKind.QuestionAnswering ? null : labels });
    }

    private static TaskKind? TaskOf(AdapterFolder saved, AnswerCard? card)
    {
        TaskKind? task = saved.Options.TaskType switch
        {
            "TOKEN_CLS" => TaskKind.TokenClassification,
            "QUESTION_ANS" => TaskKind.QuestionAnswering,
            "FEATURE_EXTRACTION" => TaskKind.Embedding,
            "CAUSAL_LM" => TaskKind.CausalLanguage,
            "SEQ_2_SEQ_LM" => TaskKind.SequenceToSequence,
            _ => null,
        };
        if (card is null) return task;
        var sequence = card.Task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression;
        if (task is { } other ? other != card.Task : saved.Options.TaskType == "SEQ_CLS" && !sequence)
            throw new PeftException(
                $"{saved.SettingsFile}: \"task_type\" is {Quoted.Name(saved.Options.TaskType!)}, but the card in {saved.WeightsFile} says "
                + $"{card.Task}; the files do not belong together.");
        return card.Task;
    }

    private static PeftException Unlike(AdapterFolder saved, TaskKind? described, AnswerCard card) =>
        new(
            $"{saved.Path}: {HubHeadConfig.FileName} describes a head that answers {described}, but the card in {saved.WeightsFile} says "
            + $"{card.Task}; the files do not belong together.");

    private static void RequireRows(AdapterFolder saved, string name, int rows)
    {
        foreach (var path in saved.TensorFiles)
        {
            using var file = SafetensorsFile.Open(path);
            if (!file.Tensors.TryGetValue(name, out var info)) continue;
            if (info.Shape.Length == 2 && info.Shape[0] == rows) return;
            throw new PeftException(
                $"{path}: tensor {Quoted.Name(name)} has the shape [{string.Join(", ", info.Shape)}], but {HubHeadConfig.FileName} beside "
                + $"it names {rows} classes; the files do not belong together.");
        }
        throw new PeftException(
            $"{saved.Path} has no tensor {Quoted.Name(name)}, which {HubHeadConfig.FileName} promises; save the adapter again with "
            + "its head.");
    }

    /// <summary>Rows of the classifier that is saved with the adapter; null if there is none.</summary>
    private static int? Outputs(AdapterFolder saved)
    {
        foreach (var name in saved.TensorFiles)
        {
            using var file = SafetensorsFile.Open(name);
            foreach (var (key, info) in file.Tensors)
                if (info.Shape.Length == 2 && Classifiers.Any(c => key.EndsWith(c, StringComparison.Ordinal))
                    && !key.Contains("pre_classifier", StringComparison.Ordinal) && !key.Contains("lora_", StringComparison.Ordinal))
                    return (int)info.Shape[0];
        }
        return null;
    }
}
