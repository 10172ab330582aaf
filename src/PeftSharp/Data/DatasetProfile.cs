using System.Runtime.ExceptionServices;
using PeftSharp.Data.Instruct;

namespace PeftSharp.Data;

/// <summary>What a dataset is made of: labels, lengths, and what may be wrong with its rows.</summary>
public sealed class DatasetProfile
{
    private readonly Dictionary<UInt128, int> _first;

    private DatasetProfile(TextDataset data, Dictionary<UInt128, int> first) => (Data, _first) = (data, first);

    /// <summary>The rows.</summary>
    internal TextDataset Data { get; }

    /// <summary>
    /// Rows of each class, in the order of their indices; null unless labels are classes. A row counts for each that it has.
    /// </summary>
    public IReadOnlyList<int>? LabelCounts { get; private init; }

    /// <summary>Rows without any class, where a row may have any number of them; null for other kinds of labels.</summary>
    public int? Unlabelled { get; private init; }

    /// <summary>Lowest, mean and highest regression target; null unless labels are numbers.</summary>
    public (double Min, double Mean, double Max)? Targets { get; private init; }

    /// <summary>Lengths in tokens where rows have them or an encoder was given; in words, and in characters, otherwise.</summary>
    public required IReadOnlyList<LengthProfile> Lengths { get; init; }

    /// <summary>Rows whose text is blank; of pairs, if one of the texts is.</summary>
    public int Empty { get; private init; }

    /// <summary>Rows that say what an earlier row says.</summary>
    public int Duplicates { get; private init; }

    /// <summary>Those of them whose label differs from the first such row's.</summary>
    public int Contradictions { get; private init; }

    /// <summary>Looks at every row.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="encoder">Counts tokens; null counts words and characters.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static DatasetProfile Of(TextDataset data, ITextEncoder? encoder = null, CancellationToken cancellation = default)
    {
        var keys = new UInt128[data.Count];
        var (tokens, words, characters) = (new int[data.Count], new int[data.Count], new int[data.Count]);
        var countsTokens = encoder is not null || data.Examples[0].InputIds is not null;
        var empty = 0;
        ForRows(data.Count, cancellation, row =>
        {
            var example = data.Examples[row];
            keys[row] = RowKey.Of(example);
            tokens[row] = example.InputIds?.Length ?? encoder?.Encode(example.Text, example.Pair, int.MaxValue / 2).Ids.Length ?? 0;
            var text = data.Kind == LabelKind.Tokens && example.InputIds is null ? Conversation.Parse(example.Text).AllText : example.Text;
            words[row] = Words(text) + Words(example.Pair);
            characters[row] = text.Length + (example.Pair?.Length ?? 0);
            if (
                example.InputIds is null
                    && (string.IsNullOrWhiteSpace(example.Text) || example.Pair is not null && string.IsNullOrWhiteSpace(example.Pair)))
                Interlocked.Increment(ref empty);
        });
        var (first, duplicates, contradictions) = (new Dictionary<UInt128, int>(data.Count), 0, 0);
        var (labels, unlabelled) = (new int[data.Labels?.Count ?? 0], 0);
        var targets = (Min: double.MaxValue, Sum: 0.0, Max: double.MinValue);
        for (var row = 0; row < data.Count; row++)
        {
            var example = data.Kind == LabelKind.None ? null : data.Examples[row];
            if (example is { Label: >= 0 } && labels.Length > 0) labels[example.Label]++;
            foreach (var label in example?.Labels ?? []) labels[label]++;
            if (example?.Labels is { Count: 0 }) unlabelled++;
            if (data.Kind == LabelKind.Regression)
                targets = (Math.Min(targets.Min, example!.Target), targets.Sum + example.Target, Math.Max(targets.Max, example.Target));
            if (first.TryAdd(keys[row], row)) continue;
            duplicates++;
            if (
                example is not null
                    && data.Examples[first[keys[row]]] is var other
                    && (other.Label != example.Label || !other.Target.Equals(example.Target)
                        || !(other.Labels ?? []).SequenceEqual(example.Labels ?? [])))
                contradictions++;
        }
        return new DatasetProfile(data, first)
        {
            LabelCounts = data.Kind is LabelKind.Class or LabelKind.MultiLabel ? labels : null,
            Unlabelled = data.Kind == LabelKind.MultiLabel ? unlabelled : null,
            Targets = data.Kind == LabelKind.Regression ? (targets.Min, targets.Sum / data.Count, targets.Max) : null,
            Lengths = countsTokens
                ? [new LengthProfile("tokens", tokens)]
                : [new LengthProfile("words", words), new LengthProfile("characters", characters)],
            Empty = empty,
            Duplicates = duplicates,
            Contradictions = contradictions,
        };
    }

    // What is wrong with one row is said of that row, not of several failures.
    private static void ForRows(int rows, CancellationToken cancellation, Action<int> work)
    {
        try
        {
            Parallel.For(0, rows, new ParallelOptions { CancellationToken = cancellation }, work);
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is PeftException)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    /// <summary>Rows of this dataset that say what a row of another says: of held-out rows, those that training has seen.</summary>
    public IReadOnlyList<int> RowsAlsoIn(DatasetProfile other)
    {
        var rows = new List<int>();
        for (var row = 0; row < Data.Count; row++)
            if (other._first.ContainsKey(RowKey.Of(Data.Examples[row]))) rows.Add(row);
        return rows;
    }

    /// <summary>Runs of letters that are no blanks.</summary>
    internal static int Words(string? text)
    {
        var (count, inside) = (0, false);
        foreach (var letter in text ?? "")
        {
            var word = !char.IsWhiteSpace(letter);
            if (word && !inside) count++;
            inside = word;
        }
        return count;
    }
}
