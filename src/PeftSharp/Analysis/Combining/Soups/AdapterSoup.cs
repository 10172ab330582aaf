using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Runs;

namespace PeftSharp.Analysis.Combining.Soups;

/// <summary>
/// A soup: one adapter whose tensors are the mean of those of several, chosen among more (AdapterSoup: Chronopoulou et al. 2023, arXiv
/// 2302.07027). The mean of weights is not the mean of outputs, which <c>average(…)</c> takes; it costs what one adapter costs.
/// </summary>
public sealed class AdapterSoup
{
    private AdapterSoup(PeftMethod adapter, IReadOnlyList<SoupIngredient> ingredients, double? score) =>
        (Adapter, Ingredients, Score) = (adapter, ingredients, score);

    /// <summary>The soup, attached to the model.</summary>
    public PeftMethod Adapter { get; }

    /// <summary>What it was offered, in the order of the adapters.</summary>
    public IReadOnlyList<SoupIngredient> Ingredients { get; }

    /// <summary>Its score; null where it was not chosen by score.</summary>
    public double? Score { get; }

    /// <summary>
    /// A greedy soup (Wortsman et al. 2022, arXiv 2203.05482): the adapters are taken in the order of their scores, and each stays if the
    /// mean scores no worse with it.
    /// </summary>
    /// <param name="model">The base with the adapters, none merged.</param>
    /// <param name="adapters">The adapters, of one method and equal settings; at least one.</param>
    /// <param name="score">Scores an adapter on held-out rows; more is better.</param>
    /// <param name="head">The adapter whose head the soup has; null (default): the mean of the heads.</param>
    /// <param name="name">Name of the soup.</param>
    /// <exception cref="PeftException">The adapters have no mean; nothing is changed then.</exception>
    public static AdapterSoup Greedy(
        PeftModel model, IReadOnlyList<PeftMethod> adapters, Func<PeftMethod, double> score, string? head = null, string name = "soup")
    {
        ArgumentNullException.ThrowIfNull(score);
        // Refuses what has no mean before anything is scored.
        using (var all = new Draft(model, adapters, head)) { }
        var alone = adapters.Select(score).ToList();
        var order = Enumerable.Range(0, adapters.Count).OrderByDescending(i => alone[i]).ToList();
        var (kept, best) = (new List<int> { order[0] }, alone[order[0]]);
        foreach (var next in order.Skip(1))
        {
            using var draft = new Draft(model, [.. kept.Append(next).Order().Select(i => adapters[i])], head);
            var value = score(draft.Adapter);
            if (value < best) continue;
            (best, kept) = (value, [.. kept, next]);
        }
        return Of(model, adapters, alone, kept, head, name, best);
    }

    /// <summary>A greedy soup by the score on labelled rows.</summary>
    /// <param name="model">The model with its adapters.</param>
    /// <param name="adapters">The adapters.</param>
    /// <param name="data">The rows, as for <see cref="Evaluation"/>: rows that nothing was trained on.</param>
    /// <param name="options">Columns and metric.</param>
    /// <param name="head">The adapter whose head the soup has.</param>
    /// <param name="name">Name of the soup.</param>
    /// <exception cref="PeftException">As above, or the rows do not fit.</exception>
    public static AdapterSoup Greedy(
        LoadedModel model, IReadOnlyList<PeftMethod> adapters, string data, EvaluationOptions? options = null, string? head = null,
        string name = "soup")
    {
        ArgumentNullException.ThrowIfNull(model);
        double Score(PeftMethod adapter)
        {
            var found = Evaluation.Run(model.Answering(adapter), data, options).Scores;
            var value = found.Values[found.Primary];
            return found.HigherIsBetter ? value : -value;
        }
        return Greedy(model.Model, adapters, Score, head, name);
    }

    /// <summary>A soup of the adapters whose domains new texts are like, of which no label is needed.</summary>
    /// <param name="model">The model with its adapters.</param>
    /// <param name="adapters">The adapters.</param>
    /// <param name="domains">For each adapter texts that it was trained on: a file, a pattern or a folder.</param>
    /// <param name="texts">Texts of the new domain.</param>
    /// <param name="options">How the adapters are chosen.</param>
    /// <param name="head">The adapter whose head the soup has.</param>
    /// <param name="name">Name of the soup.</param>
    /// <exception cref="PeftException">The adapters have no mean, or texts cannot be read; nothing is changed then.</exception>
    public static AdapterSoup Like(
        LoadedModel model, IReadOnlyList<PeftMethod> adapters, IReadOnlyList<string> domains, string texts, DomainOptions? options = null,
        string? head = null, string name = "soup")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(domains);
        options ??= new();
        options.Validate();
        if (domains.Count != adapters.Count)
            throw new SettingsException(
                $"{domains.Count} domains were named for {adapters.Count} adapters; give each adapter the texts that it was trained on.");
        using (var all = new Draft(model.Model, adapters, head)) { }
        var values = TextDomains.Likeness(model, domains, texts, options);
        var kept = Enumerable.Range(0, adapters.Count).OrderByDescending(i => values[i]).Take(options.Members)
            .Where((i, rank) => rank == 0 || values[i] >= options.Least).ToList();
        return Of(model.Model, adapters, values, kept, head, name, null);
    }

    private static AdapterSoup Of(
        PeftModel model, IReadOnlyList<PeftMethod> adapters, IReadOnlyList<double> values, List<int> kept, string? head, string name,
        double? score)
    {
        var made = Mean(model, [.. kept.Order().Select(i => adapters[i])], head, name);
        return new(made, [.. adapters.Select((adapter, i) => new SoupIngredient(adapter.Name, values[i], kept.Contains(i)))], score);
    }

    private static PeftMethod Mean(PeftModel model, IReadOnlyList<PeftMethod> adapters, string? head, string name)
    {
        // The head's owner may not be among those that are kept.
        var options = new CombineOptions { How = CombineMethod.Mean, Head = adapters.Any(a => a.Name == head) ? head : null };
        return AdapterCombination.Combine(model, [.. adapters.Select(a => (a, 1.0))], options, name).Adapter;
    }

    // A mean that is only looked at.
    private sealed class Draft(PeftModel model, IReadOnlyList<PeftMethod> adapters, string? head) : IDisposable
    {
        public PeftMethod Adapter { get; } = Mean(model, adapters, head, $"soup {Guid.NewGuid():N}");

        public void Dispose() => model.Remove(Adapter.Name);
    }
}
