namespace PeftSharp.Metrics;

/// <summary>The scores of written answers, by name.</summary>
public static class TextScores
{
    /// <summary>Names of the scores; the first is named first where nothing else is asked for.</summary>
    public static IReadOnlyList<string> Names { get; } = ["bleu", "rouge_l"];

    /// <summary>Refuses answers without references.</summary>
    internal static void Check(IReadOnlyList<string> answers, IReadOnlyList<IReadOnlyList<string>> references)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentNullException.ThrowIfNull(references);
        if (answers.Count == 0) throw new ArgumentException("There is no answer to score.", nameof(answers));
        if (answers.Count != references.Count)
            throw new ArgumentException($"There are {answers.Count} answers, but references for {references.Count}.", nameof(references));
        for (var i = 0; i < references.Count; i++)
            if (references[i].Count == 0) throw new ArgumentException($"Answer {i} has no reference.", nameof(references));
    }
}
