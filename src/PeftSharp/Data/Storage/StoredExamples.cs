using System.Collections;

namespace PeftSharp.Data.Storage;

/// <summary>Rows with their labels understood; a row that lies in a file is read when it is asked for.</summary>
/// <param name="rows">The rows as they were read.</param>
/// <param name="kept">Indices of those that are good; null for all.</param>
/// <param name="labels">Classes of the good rows, or null.</param>
/// <param name="targets">Regression targets of the good rows, or null.</param>
/// <param name="sets">The classes of each good row, where there may be several, or null.</param>
internal sealed class StoredExamples(RowStore rows, int[]? kept, int[]? labels, float[]? targets, int[][]? sets = null)
    : IReadOnlyList<Example>
{
    public int Count => kept?.Length ?? rows.Count;

    public Example this[int index]
    {
        get
        {
            var row = rows[kept is null ? index : kept[index]];
            return new Example(row.Text, row.Pair, labels?[index] ?? -1, targets?[index] ?? float.NaN, row.Line, row.InputIds, row.TypeIds)
            {
                File = row.File,
                Row = row.Row,
                Kept = row.Kept,
                Labels = sets?[index],
            };
        }
    }

    public IEnumerator<Example> GetEnumerator()
    {
        for (var i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
