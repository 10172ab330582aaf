namespace PeftSharp.Runs;

/// <summary>How a model is scored.</summary>
public sealed record EvaluationOptions
{
    /// <summary>The metric that is named first; null (default) for what GLUE reports for the task, else accuracy or pearson.</summary>
    public string? Metric { get; init; }

    /// <summary>Most tokens a row; null (default) for as in training, else what the model takes, 512 at most.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Column of the text: a name, or a number from 1; null (default) for that of training.</summary>
    public string? TextColumn { get; init; }

    /// <summary>Column of the second text; null (default) for that of training.</summary>
    public string? PairColumn { get; init; }

    /// <summary>Column of the label; null (default) for that of training.</summary>
    public string? LabelColumn { get; init; }
}
