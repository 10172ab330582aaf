using System.Globalization;

namespace PeftSharp.Data;

/// <summary>The classes of a dataset: names in order of their index. Training and development sets share one.</summary>
public sealed class LabelMap
{
    private readonly Dictionary<string, int> _index = new(StringComparer.Ordinal);
    private readonly bool _acceptsIndices;

    /// <summary>Creates a map from names in order of their index.</summary>
    /// <exception cref="PeftException">There is no name, or one occurs twice.</exception>
    public LabelMap(IEnumerable<string> names)
    {
        Names = [.. names];
        if (Names.Count == 0) throw new PeftException("A label map needs at least one label name; none was given.");
        for (var i = 0; i < Names.Count; i++)
        {
            if (!_index.TryAdd(Names[i], i))
                throw new PeftException(
                    $"The label name '{Names[i]}' occurs twice in the list of labels; give each class a name of its own.");
        }
        _acceptsIndices = !Names.Any(name => TryInteger(name, out _));
    }

    /// <summary>Names in order of their index.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Number of classes.</summary>
    public int Count => Names.Count;

    /// <summary>Makes the map of the labels that occur in a dataset: integers in numeric order, names in ordinal order.</summary>
    /// <remarks>So labels that are 0 to n-1 keep their numbers.</remarks>
    public static LabelMap From(IEnumerable<string> labels)
    {
        var distinct = labels.Select(Canonical).ToHashSet(StringComparer.Ordinal);
        return distinct.All(label => TryInteger(label, out _))
            ? new LabelMap(distinct.OrderBy(label => long.Parse(label, CultureInfo.InvariantCulture)))
            : new LabelMap(distinct.Order(StringComparer.Ordinal));
    }

    /// <summary>The index of a label as a file spells it; -1 if it is none of this map.</summary>
    /// <remarks>Where names are words, a number from 0 to n-1 is understood as the index itself.</remarks>
    public int IndexOf(string label)
    {
        if (_index.TryGetValue(label, out var index) || _index.TryGetValue(Canonical(label), out index)) return index;
        return _acceptsIndices && TryInteger(label, out var number) && number >= 0 && number < Count ? (int)number : -1;
    }

    /// <summary>True if a class is called so.</summary>
    internal bool Has(string name) => _index.ContainsKey(name);

    internal static bool TryInteger(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    // "01" and "+1" are the class 1, so that a spelling does not split a class.
    private static string Canonical(string label) =>
        TryInteger(label, out var value) ? value.ToString(CultureInfo.InvariantCulture) : label;
}
