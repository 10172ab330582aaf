using System.Text;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>An element of a parquet schema with what lies under it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Element">The element itself, with fields that are known and nothing else.</param>
/// <param name="Children">The elements under it; none for a column of values.</param>
internal sealed record SchemaNode(string Name, ThriftValue.Struct Element, IReadOnlyList<SchemaNode> Children)
{
    private const int MaxDepth = 12, MaxElements = 100_000;
    private const int Types = 8, ByteArray = 6;

    /// <summary>Columns of values under it.</summary>
    public int Leaves => Children.Count == 0 ? 1 : Children.Sum(child => child.Leaves);

    /// <summary>Type of a column of values, as the format numbers it; -1 for a group.</summary>
    public int Type => (int)(Element.Long(1) ?? -1);

    public bool IsByteArray => Type == ByteArray;

    /// <summary>True if a row may have several values.</summary>
    public bool IsRepeated => Element.Long(3) == 2 || Children.Any(child => child.IsRepeated);

    /// <summary>True if a value may be missing or repeated, so that pages hold levels.</summary>
    public bool HasLevels => Element.Long(3) is 1 or 2 || Children.Any(child => child.HasLevels);

    /// <summary>The schema of a footer: its root, checked whole.</summary>
    /// <exception cref="InvalidDataException">The elements are no tree.</exception>
    public static SchemaNode Of(IReadOnlyList<ThriftValue> elements)
    {
        if (elements.Count is 0 or > MaxElements) throw new InvalidDataException($"its schema has {elements.Count:N0} elements");
        var next = 0;
        var root = Take(elements, ref next, 0);
        if (next != elements.Count)
            throw new InvalidDataException($"its schema has {elements.Count - next:N0} elements more than its tree takes");
        if (root.Children.Count == 0) throw new InvalidDataException("its schema has no column");
        return root;
    }

    /// <summary>This element and all under it, in the order of a footer.</summary>
    public IEnumerable<ThriftValue> Elements() => Children.SelectMany(child => child.Elements()).Prepend(Element);

    /// <summary>Names of the elements down to each column of values.</summary>
    public IEnumerable<(string[] Path, SchemaNode Leaf)> Paths() => Children.Count == 0
        ? [([Name], this)]
        : Children.SelectMany(child => child.Paths()).Select(path => ((string[])[Name, .. path.Path], path.Leaf));

    private static SchemaNode Take(IReadOnlyList<ThriftValue> elements, ref int next, int depth)
    {
        if (depth > MaxDepth) throw new InvalidDataException($"its schema lies more than {MaxDepth} elements deep");
        if (next >= elements.Count || elements[next] is not ThriftValue.Struct element)
            throw new InvalidDataException("its schema ends in the middle of its tree");
        next++;
        var count = element.Long(5) ?? 0;
        if (count < 0 || count > elements.Count - next)
            throw new InvalidDataException($"its schema has an element with {count:N0} children, where {elements.Count - next:N0} follow");
        if (count > 0 == element.Long(1) is not null && depth > 0)
            throw new InvalidDataException("its schema has an element that is both, or neither, a group and a column");
        if (element.Long(1) is < 0 or >= Types)
            throw new InvalidDataException($"its schema has a column of the unknown type {element.Long(1)}");
        if (element.Long(3) is < 0 or > 2)
            throw new InvalidDataException($"its schema has a column of the unknown repetition {element.Long(3)}");
        if (element.Long(2) is < 0 or > 1 << 20)
            throw new InvalidDataException($"its schema has values of {element.Long(2):N0} bytes each");
        var children = new List<SchemaNode>();
        for (var i = 0; i < count; i++) children.Add(Take(elements, ref next, depth + 1));
        var name = element[4] is ThriftValue.Bytes bytes ? Encoding.UTF8.GetString(bytes.Value) : "";
        return new SchemaNode(name, Known(element), children);
    }

    // The reader behind loses its way in structures that it does not know, so it sees none.
    private static ThriftValue.Struct Known(ThriftValue.Struct element) => ThriftValue.Struct.Of(
        (1, Number(element, 1)), (2, Number(element, 2)), (3, Number(element, 3)),
        (4, element[4] as ThriftValue.Bytes ?? new ThriftValue.Bytes([])),
        (5, Number(element, 5)), (6, Number(element, 6)), (7, Number(element, 7)), (8, Number(element, 8)),
        (10, Logical(element.Inner(10))));

    private static ThriftValue.Number? Number(ThriftValue.Struct element, short field) =>
        element.Long(field) is { } value ? ThriftValue.Int((int)value) : null;

    private static ThriftValue.Struct? Logical(ThriftValue.Struct? type)
    {
        if (type is null) return null;
        foreach (var (field, value) in type.Fields)
        {
            if (field is < 1 or > 15 or 9 || value is not ThriftValue.Struct inner) continue;
            var kept = field switch
            {
                5 => ThriftValue.Struct.Of((1, Number(inner, 1) ?? ThriftValue.Int(0)), (2, Number(inner, 2) ?? ThriftValue.Int(0))),
                7 or 8 => ThriftValue.Struct.Of((1, inner[1] as ThriftValue.Number ?? ThriftValue.Flag(false)), (2, Unit(inner.Inner(2)))),
                10 =>
                    ThriftValue.Struct.Of(
                        (1, new ThriftValue.Number(3, inner.Long(1) ?? 0)), (2, inner[2] as ThriftValue.Number ?? ThriftValue.Flag(false))),
                _ => ThriftValue.Struct.Of(),
            };
            return ThriftValue.Struct.Of((field, kept));
        }
        return null;
    }

    private static ThriftValue.Struct Unit(ThriftValue.Struct? unit)
    {
        short[] units = [1, 2, 3];
        var known = unit is null ? (short)1 : units.FirstOrDefault(field => unit[field] is not null, (short)1);
        return ThriftValue.Struct.Of((known, ThriftValue.Struct.Of()));
    }
}
