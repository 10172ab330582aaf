namespace PeftSharp.Sites;

/// <summary>An adapter written into the weights: a value for each slot that it changes. A call sees all of them or none.</summary>
/// <param name="adapter">The adapter.</param>
/// <param name="values">Tensors and weight stores, which belong to this object.</param>
internal sealed class MergedWeights(AdapterTag adapter, IReadOnlyDictionary<Slot, IDisposable> values)
{
    /// <summary>The adapter.</summary>
    public AdapterTag Adapter => adapter;

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
