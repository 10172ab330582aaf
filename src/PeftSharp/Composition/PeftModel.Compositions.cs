using PeftSharp.Sites;

namespace PeftSharp.Composition;

public sealed partial class PeftModel
{
    /// <summary>
    /// The composition that an expression of this model's adapters means: <c>a</c>, <c>stack(a,b)</c>, <c>average(a:0.3,b:0.7)</c>,
    /// <c>fuse(a,b)</c>, <c>split(a:12,b)</c>.
    /// </summary>
    /// <param name="expression">The expression; an adapter of that very name comes first.</param>
    /// <exception cref="PeftException">
    /// It is no expression, a name is unknown or merged, or it makes no sense for these adapters.
    /// </exception>
    public AdapterComposition Compose(string expression)
    {
        ThrowIfDisposed();
        return _adapters.Find(expression) is { } adapter
            ? Usable(AdapterComposition.Of(adapter.Tag))
            : Compose(AdapterExpression.Parse(expression));
    }

    /// <inheritdoc cref="Compose(string)"/>
    internal AdapterComposition Compose(AdapterExpression expression)
    {
        var composition = expression.Resolve(
            name => this[name].Tag, (name, adapters) => name is null ? FusionOf(adapters).Tag : this[name].Tag);
        Model.Sites.Require(composition);
        return Usable(composition);
    }

    /// <summary>
    /// Selects adapters by name or expression (see <see cref="Compose(string)"/>), acting one after the other on every row.
    /// </summary>
    /// <exception cref="PeftException">There is none of a name, it is merged, or an expression makes no sense.</exception>
    public AdapterSelection Select(params IReadOnlyList<string> names) => NamedAdapters.Select(names, Compose);

    /// <summary>Selects one adapter or expression (see <see cref="Compose(string)"/>), or none (null), for each row.</summary>
    /// <exception cref="PeftException">There is none of a name, it is merged, or an expression makes no sense.</exception>
    public AdapterSelection SelectPerRow(IReadOnlyList<string?> names) => NamedAdapters.SelectPerRow(names, Compose);

    /// <summary>Outputs per row (or token) of a call: those of the widest head that acts.</summary>
    internal int OutputsOf(AdapterSelection selection)
    {
        if (selection.Compositions is [var only] && !selection.IsPerRow) return only.Outputs ?? Model.Head.Outputs;
        return Enumerable.Range(0, selection.Rows)
            .Select(row => selection.OutputsOfRow(row) ?? Model.Head.Outputs)
            .DefaultIfEmpty(Model.Head.Outputs)
            .Max();
    }

    /// <summary>Runs each of several compositions on the same rows in one call: AdapterHub's <c>Parallel</c>.</summary>
    /// <param name="batch">The rows; they stay the caller's.</param>
    /// <param name="compositions">What acts; null for the base alone.</param>
    /// <returns>The logits of each, [rows, …], in order; they belong to the caller.</returns>
    /// <exception cref="PeftException">The batch does not fit the model, or an adapter was removed.</exception>
    public IReadOnlyList<TorchSharp.torch.Tensor> ForwardParallel(Data.TokenBatch batch, IReadOnlyList<AdapterComposition?> compositions)
    {
        if (compositions.Count is < 1 or > 1024)
            throw new PeftException($"{compositions.Count} compositions were given to run side by side; expected 1 to 1024.");
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var repeated = batch.Repeat(compositions.Count);
        var selection = AdapterSelection.PerRow([.. compositions.SelectMany(tree => Enumerable.Repeat(tree, batch.Rows))]);
        var output = Forward(repeated, selection);
        var widths = compositions.Select(tree => tree?.Outputs ?? Model.Head.Outputs).ToList();
        return [.. compositions.Select((_, i) => Part(output, i, batch.Rows, widths[i]).MoveToOuterDisposeScope())];
    }

    // Where heads have several widths, narrower ones are filled up at the right.
    private static TorchSharp.torch.Tensor Part(Models.ModelOutput output, int index, int rows, int width)
    {
        var part = output.Logits.narrow(0, (long)index * rows, rows);
        return output.Widths is null ? part : part.narrow(-1, 0, width);
    }

    private AdapterComposition Usable(AdapterComposition composition) =>
        Model.Sites.Merged is { } merged && composition.Adapters.FirstOrDefault(merged.Includes) is { } tag
            ? throw new PeftException($"The adapter \"{tag.Name}\" is merged into the weights; unmerge it to select it.")
            : composition;
}
