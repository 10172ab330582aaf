namespace PeftSharp.Sites;

/// <summary>Adapters written into the weights: a value for each slot that they change. A call sees all of them or none.</summary>
/// <param name="composition">The adapter, or several together.</param>
/// <param name="values">Tensors and weight stores, which belong to this object.</param>
internal sealed class MergedWeights(AdapterComposition composition, IReadOnlyDictionary<Slot, IDisposable> values)
{
    /// <summary>What is merged.</summary>
    public AdapterComposition Composition => composition;

    /// <summary>True if an adapter is merged, alone or with others.</summary>
    public bool Includes(AdapterTag adapter) => composition.Adapters.Contains(adapter);

    /// <summary>The calls that read the values.</summary>
    public UseCount Uses { get; } = new();

    /// <summary>A slot's value; null where the adapter leaves it alone.</summary>
    public object? Of(Slot slot) => values.GetValueOrDefault(slot);

    /// <summary>Releases the values once the last call that reads them has ended.</summary>
    public void Close() => Uses.Close(() =>
    {
        foreach (var value in values.Values) value.Dispose();
    });
}
