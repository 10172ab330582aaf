using PeftSharp.Generation;

namespace PeftSharp.Runs;

/// <summary>How a model is scored.</summary>
public sealed record EvaluationOptions
{
    /// <summary>
    /// The metric that is named first; null (default) for what GLUE reports for the task, else accuracy or pearson; perplexity of prompts
    /// with answers, bleu where answers are written (<see cref="Generate"/>).
    /// </summary>
    public string? Metric { get; init; }

    /// <summary>
    /// How a model that writes answers each prompt of the rows, to be compared with all answers that rows give to this prompt: BLEU and
    /// ROUGE-L (<see cref="PeftSharp.Metrics.Bleu"/>, <see cref="PeftSharp.Metrics.RougeL"/>). Null (default) lets it write nothing, unless
    /// <see cref="Metric"/> is bleu or rouge_l.
    /// </summary>
    public GenerationOptions? Generate { get; init; }

    /// <summary>Most prompts that are scored, the first ones, each with all rows that have it; null (default) for all.</summary>
    public int? Prompts { get; init; }

    /// <summary>Most tokens a row; null (default) for as in training, else what the model takes, 512 at most.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Column of the text: a name, or a number from 1; null (default) for that of training.</summary>
    public string? TextColumn { get; init; }

    /// <summary>Column of the second text; null (default) for that of training.</summary>
    public string? PairColumn { get; init; }

    /// <summary>Column of the label; null (default) for that of training.</summary>
    public string? LabelColumn { get; init; }
}
