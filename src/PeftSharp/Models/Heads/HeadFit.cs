namespace PeftSharp.Models.Heads;

/// <summary>What becomes of a checkpoint's own head where names of classes are asked for.</summary>
/// <param name="IsNew">True if its last map is drawn anew: it answers something else.</param>
/// <param name="Rows">For each output, the row of the checkpoint's last map; null for the order that they have.</param>
internal sealed record HeadFit(bool IsNew, int[]? Rows)
{
    public static readonly HeadFit AsItIs = new(false, null);

    private static readonly HeadFit Anew = new(true, null);

    /// <summary>Compares a head with what is asked of it.</summary>
    /// <param name="task">The task that is asked for.</param>
    /// <param name="stored">The task of the checkpoint's head; null if it has none, or does not say.</param>
    /// <param name="own">Names of its classes; null if it has none.</param>
    /// <param name="asked">The names that are asked for; null for its own.</param>
    public static HeadFit Of(TaskKind task, TaskKind? stored, IReadOnlyList<string>? own, IReadOnlyList<string>? asked)
    {
        if (stored is { } other && other != task) return Anew;
        if (asked is null || task is not (TaskKind.Classification or TaskKind.MultiLabel or TaskKind.TokenClassification)) return AsItIs;
        own ??= LabelNames.Defaults(asked.Count);
        if (own.Count != asked.Count) return Anew;
        return LabelNames.Places(own, asked) is not { } rows ? Anew
            : rows.Select((row, i) => row == i).All(same => same) ? AsItIs
            : new(false, rows);
    }
}
