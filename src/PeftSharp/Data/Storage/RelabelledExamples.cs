using System.Collections;

namespace PeftSharp.Data.Storage;

/// <summary>Rows whose classes have other numbers.</summary>
/// <param name="all">The rows.</param>
/// <param name="places">The new number of each old one.</param>
internal sealed class RelabelledExamples(IReadOnlyList<Example> all, int[] places) : IReadOnlyList<Example>
{
    public IReadOnlyList<Example> All => all;

    public int Count => all.Count;

    public Example this[int index] => all[index] switch
    {
        { Label: >= 0 } example => example with { Label = places[example.Label] },
        { Labels: { Count: > 0 } labels } example => example with { Labels = [.. labels.Select(label => places[label]).Order()] },
        var example => example,
    };

    public IEnumerator<Example> GetEnumerator()
    {
        for (var i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
