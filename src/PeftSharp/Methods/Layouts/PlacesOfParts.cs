namespace PeftSharp.Methods.Layouts;

/// <summary>Names of a composite's tensors in files, where formats have one place for two parts.</summary>
internal static class PlacesOfParts
{
    /// <summary>
    /// What stands before the names of a part: nothing, or its index and a colon where an earlier part has taken one of its places (two
    /// bottlenecks behind one branch, two LoRAs at one map). That is a layout of our own: the reference libraries do not find such tensors.
    /// </summary>
    public static string Before(CompositeMethod adapter, PeftMethod part, AdapterFormat format)
    {
        var parts = adapter.Parts.ToList();
        var index = parts.IndexOf(part);
        var taken = parts.Take(index).SelectMany(p => Names(p, format)).ToHashSet();
        return Names(part, format).Any(taken.Contains) ? $"{index}:" : "";
    }

    private static IEnumerable<string> Names(PeftMethod part, AdapterFormat format) =>
        part.Tensors.Concat(part.Frozen).Select(t => part.Layout(format).Name(part, t)).OfType<string>();
}
