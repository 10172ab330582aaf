using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>
/// All that the library knows of an architecture: its own file says it, and <see cref="Architectures"/> names it in one line.
/// </summary>
internal sealed record Architecture
{
    /// <summary>The <c>model_type</c> of its configurations, for example <c>bert</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>What the names of its classes begin with in transformers, for example <c>Bert</c>.</summary>
    public required string ClassName { get; init; }

    /// <summary>What stands before the base model's tensors in a model with a head, for example <c>bert.</c>; empty for none.</summary>
    public required string Prefix { get; init; }

    /// <summary>The paper.</summary>
    public required string Paper { get; init; }

    /// <summary>What its heads answer, as far as transformers has a class for it.</summary>
    public required IReadOnlyList<TaskKind> Tasks { get; init; }

    /// <summary>How the class of its language model ends in transformers; default <c>ForCausalLM</c>.</summary>
    public string LanguageModelClass { get; init; } = "ForCausalLM";

    /// <summary>
    /// The linear maps of its head for whole texts from the pooled vector to the classes, in order; empty where it has none of its own.
    /// </summary>
    public IReadOnlyList<string> ClassifierMaps { get; init; } = [];

    /// <summary>
    /// True if its head for whole texts reads the model's pooler, so that one without answers otherwise than transformers' class (BERT).
    /// </summary>
    public bool ReadsPooler { get; init; }

    /// <summary>
    /// Fields that only configurations of this architecture have and that never change what a forward pass computes: those of heads,
    /// kernels and training that have no place here, and what first releases left behind. Any other field that nobody asks for is remarked.
    /// </summary>
    public IReadOnlyList<string> FieldsWithoutEffect { get; init; } = [];

    /// <summary>
    /// Linear maps, by the end of their paths, that transformers keeps in float32 and therefore never quantises
    /// (<c>_keep_in_fp32_modules</c>).
    /// </summary>
    public IReadOnlyList<string> KeptDense { get; init; } = [];

    /// <summary>Makes the model that a plan describes.</summary>
    public required Func<ModelPlan, TransformerModel> Create { get; init; }

    /// <summary>
    /// A tiny configuration, two layers deep and of the given width (a multiple of 8), none of its numbers at a tidy default: what the laws
    /// are tried on.
    /// </summary>
    public required Func<int, string> Tiny { get; init; }

    /// <summary>True if the model answers texts with classes or numbers.</summary>
    public bool Classifies => Tasks.Contains(TaskKind.Classification);

    /// <summary>The tasks of encoders with every head: vectors, classes and numbers, classes of tokens, answers in a text.</summary>
    public static IReadOnlyList<TaskKind> EncoderTasks { get; } =
    [
        TaskKind.Embedding, TaskKind.Classification, TaskKind.MultiLabel, TaskKind.Regression, TaskKind.TokenClassification,
        TaskKind.QuestionAnswering,
    ];

    /// <summary>The tasks of decoders with every head: those of encoders, and the next token.</summary>
    public static IReadOnlyList<TaskKind> DecoderTasks { get; } = [TaskKind.CausalLanguage, .. EncoderTasks];

    /// <summary>Refuses a task that it has no head for.</summary>
    /// <exception cref="PeftException">It has none.</exception>
    public void Require(TaskKind task, string file)
    {
        if (!Tasks.Contains(task))
            throw new PeftException(
                $"{file}: the architecture {ModelType} has no head for the task {task}; it has heads for {string.Join(", ", Tasks)}.");
    }
}
