namespace PeftSharp.Data;

/// <summary>What batches are made of, as far as a model's answers depend on it.</summary>
/// <param name="Source">The dataset, for messages.</param>
/// <param name="Kind">What its labels are.</param>
/// <param name="Labels">Names of its classes in the order of their numbers; null where there are none.</param>
/// <param name="MaxLength">Most tokens a row.</param>
/// <param name="Pairs">True if rows are pairs of texts, false if they are single ones; null for rows of token ids.</param>
/// <param name="Texts">True if rows are texts, false if they came as token ids.</param>
/// <param name="TextColumn">Column of the text; null where rows have no columns.</param>
/// <param name="PairColumn">Column of the second text, or null.</param>
/// <param name="LabelColumn">Column of the label; null for none, and where each class has a column of its own.</param>
public sealed record DataOrigin(
    string Source,
        LabelKind Kind, IReadOnlyList<string>? Labels, int MaxLength, bool? Pairs, bool Texts, string? TextColumn, string? PairColumn,
        string? LabelColumn)
{
    /// <summary>What a dataset is, cut at so many tokens.</summary>
    public static DataOrigin Of(TextDataset data, int maxLength)
    {
        string? Column(string role) => data.Columns.FirstOrDefault(c => c.Role == role)?.Name;
        var texts = data.Count == 0 || data.Examples[0].InputIds is null;
        // Columns of 0 and 1 are known by the classes, which are called as they are.
        var labels = data.Columns.Where(c => c.Role == "label").Select(c => c.Name).ToList();
        var flags = data.Kind == LabelKind.MultiLabel && labels.All(name => data.Labels!.IndexOf(name.Trim()) >= 0);
        bool? pairs = !texts ? null : data.Columns.Count > 0 ? Column("pair") is not null : data.Examples.Any(e => e.Pair is not null);
        return new(
            data.Source, data.Kind, data.LabelNames, maxLength, pairs, texts, texts ? Column("text") : null, texts ? Column("pair") : null,
            flags ? null : Column("label"));
    }
}
