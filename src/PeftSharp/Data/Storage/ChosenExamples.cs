using System.Collections;

namespace PeftSharp.Data.Storage;

/// <summary>Some rows of a dataset that lies in a file, in a given order.</summary>
internal sealed class ChosenExamples(IReadOnlyList<Example> all, int[] rows) : IReadOnlyList<Example>
{
    public int Count => rows.Length;

    public Example this[int index] => all[rows[index]];

    public IEnumerator<Example> GetEnumerator()
    {
        foreach (var row in rows) yield return all[row];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
