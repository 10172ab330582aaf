using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>Loads a model from a Hugging Face folder, or from a GGUF file.</summary>
public static class ModelLoader
{
    private static readonly string[] Classifiers =
    [
        "classifier.out_proj.weight", "classification_head.out_proj.weight", "classifier.weight", "score.weight", "qa_outputs.weight",
    ];

    /// <summary>Names of the architectures (<c>model_type</c>) that can be loaded.</summary>
    public static IReadOnlyCollection<string> Supported { get; } = [.. Architectures.All.Select(a => a.ModelType)];

    /// <summary>Loads a model folder (config.json and safetensors, or a GGUF file), or a GGUF file by its path.</summary>
    /// <exception cref="PeftException">The folder, its configuration or its tensors are not as expected.</exception>
    public static TransformerModel Load(string folder, ModelOptions? options = null)
    {
        LibTorch.EnsureLoaded();
        RequireFolder(folder);
        var config = ModelConfig.Read(folder);
        using var checkpoint = Checkpoint.Open(folder);
        var model = Create(config, checkpoint, options ?? new());
        if (options is { Quantize: not null } or { Compute: ComputeType.BFloat16 }) NativeHeap.Trim();
        model.Remarks =
        [
            .. UnreadTensors.Remarks(checkpoint, config, model), .. UnknownFields.Remarks(config), .. HeadFields.Remarks(config, model),
        ];
        return model;
    }

    /// <summary>
    /// What the head that a model folder has answers: its task, and the names of its classes; null if its checkpoint has no head.
    /// </summary>
    /// <exception cref="PeftException">The folder, its configuration or its checkpoint are not as expected.</exception>
    public static (TaskKind Task, IReadOnlyList<string>? Labels)? HeadOf(string folder)
    {
        var stored = StoredHead.Of(ModelConfig.Read(folder));
        if (stored.Task is not { } task) return null;
        using var checkpoint = Checkpoint.Open(folder);
        var last = Classifiers.FirstOrDefault(checkpoint.Contains)
            ?? checkpoint.Modules?.Dense.Select(d => Checkpoint.DenseName(d, "weight")).LastOrDefault(checkpoint.Contains);
        return last is null
            ? null
            : (
                task,
                stored.Labels
                    ?? (
                        task is TaskKind.Classification or TaskKind.MultiLabel
                            ? LabelNames.Defaults((int)checkpoint.Info(last).Shape[0])
                            : null));
    }

    /// <summary>True if a path is a model in one file (GGUF), or a folder that holds such a file.</summary>
    /// <exception cref="PeftException">The folder holds several.</exception>
    internal static bool IsModelFile(string path) => GgufPath.Find(path) is not null;

    /// <summary>Refuses a path that is no folder, saying what it is instead.</summary>
    /// <exception cref="PeftException">There is no folder: nothing, or a file (a GGUF file, one of the folder's own files, …).</exception>
    public static void RequireFolder(string path)
    {
        if (!Directory.Exists(path) && !GgufPath.Is(path))
            throw new PeftException(ForeignFile.InPlaceOfFolder(path, "model", "config.json and model.safetensors"));
    }

    /// <summary>
    /// A model of that configuration whose tensors have shapes and no numbers: it takes no memory, can be counted, and cannot be run.
    /// </summary>
    /// <param name="config">The configuration.</param>
    /// <param name="task">
    /// What its head answers; null (default): what the configuration says, else what models of its kind are for: the next token, texts, or
    /// two classes.
    /// </param>
    /// <exception cref="PeftException">The configuration is not as expected.</exception>
    public static TransformerModel Shapes(ModelConfig config, TaskKind? task = null)
    {
        var tasks = Architectures.Of(config).Tasks;
        TaskKind[] usual = [TaskKind.CausalLanguage, TaskKind.SequenceToSequence, TaskKind.Classification];
        task ??= StoredHead.Of(config).Task ?? usual.First(tasks.Contains);
        return Create(config, null, new() { Task = task, ShapesOnly = true });
    }

    /// <summary>Makes a model from a configuration and a checkpoint, or with random weights where that is null.</summary>
    public static TransformerModel Create(ModelConfig config, Checkpoint? checkpoint, ModelOptions options)
    {
        LibTorch.EnsureLoaded();
        config = config.Clone();
        var architecture = Architectures.Of(config);
        var stored = StoredHead.Of(config);
        var task = options.Task ?? stored.AnsweredTask(config);
        // Asked for the next token, a model of two stacks gives that of its answer.
        if (task == TaskKind.CausalLanguage && stored.Task == TaskKind.SequenceToSequence) task = TaskKind.SequenceToSequence;
        architecture.Require(task, config.File);
        var named = task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.TokenClassification;
        if (options.Labels is { } asked) options = options with { Labels = LabelNames.Distinct(asked) };
        var labels = named ? options.Labels ?? (stored.Task is null || stored.Task == task ? stored.Labels : null) : null;
        var outputs = task switch
        {
            TaskKind.Regression => 1,
            TaskKind.QuestionAnswering => 2,
            TaskKind.Embedding or TaskKind.CausalLanguage or TaskKind.SequenceToSequence => 0,
            _ => labels?.Count ?? 2,
        };
        options = options with
        {
            Pooling = options.Pooling ?? PoolingOf(config, checkpoint, stored, task),
            HeadNames = checkpoint is null || stored.Task != task
                ? new Dictionary<string, string>()
                : SentenceLayout.HeadNames(checkpoint, architecture),
            Head = HeadFit.Of(task, stored.Task, stored.Labels, named ? options.Labels : null),
        };
        HeadFields.Write(config, architecture, task, labels ?? (named ? LabelNames.Defaults(outputs) : null));
        var model = architecture.Create(new(config, checkpoint, task, outputs, options));
        // Of an earlier card only what the same answers depend on stays true.
        var card = stored.Card?.Task == task && !options.Head.IsNew ? stored.Card : new AnswerCard { Task = task };
        model.Card = card with { Labels = labels, Pooling = options.Pooling.Value, Quantize = options.Quantize };
        return model;
    }

    private static Pooling PoolingOf(ModelConfig config, Checkpoint? checkpoint, StoredHead stored, TaskKind task)
    {
        if (stored.Card?.Task == task) return stored.Card.Pooling;
        if (task != TaskKind.Embedding || checkpoint?.Modules?.Pooling is not { } named) return Pooling.Pooler;
        return named switch
        {
            "mean" => Pooling.Mean,
            "cls" => Pooling.Cls,
            _ =>
                throw new PeftException(
                    $"{config.File}: the pooling of the sentence model beside it is {Quoted.Name(named)}; supported are mean and cls, or "
                    + "say which one with ModelOptions.Pooling."),
        };
    }
}
