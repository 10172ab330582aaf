using System.Globalization;

namespace PeftSharp.Models.Heads;

/// <summary>Names of classes: told apart where one occurs twice, and compared with those of data.</summary>
internal static class LabelNames
{
    private const string Unnamed = "LABEL_";

    /// <summary>The name of a class that has none, as Hugging Face gives it.</summary>
    public static string Default(int index) => string.Create(CultureInfo.InvariantCulture, $"{Unnamed}{index}");

    /// <summary>Names that stand for indices alone: LABEL_0, LABEL_1 …</summary>
    public static IReadOnlyList<string> Defaults(int count) => [.. Enumerable.Range(0, count).Select(Default)];

    /// <summary>True if the names say nothing but their index: LABEL_0, LABEL_1 … or 0, 1 …</summary>
    public static bool AreIndices(IReadOnlyList<string> names)
    {
        for (var i = 0; i < names.Count; i++)
            if (names[i] != Default(i) && names[i] != i.ToString(CultureInfo.InvariantCulture)) return false;
        return true;
    }

    /// <summary>
    /// The names, each of them once: a name that occurs several times gets its class's index behind it, as in <c>crane (0)</c>.
    /// </summary>
    public static IReadOnlyList<string> Distinct(IReadOnlyList<string> names)
    {
        var repeated =
            names.GroupBy(n => n, StringComparer.Ordinal).Where(g => g.Count() > 1).Select(g => g.Key).ToHashSet(StringComparer.Ordinal);
        if (repeated.Count == 0) return names;
        var taken = names.Where(n => !repeated.Contains(n)).ToHashSet(StringComparer.Ordinal);
        return [
            .. names.Select(
                (name, i) => repeated.Contains(name) ? Free($"{name} ({i.ToString(CultureInfo.InvariantCulture)})", taken) : name),
        ];
    }

    /// <summary>
    /// For each of the asked names, the index of the same one among <paramref name="own"/>: spelt alike, or alike but for case where that
    /// is clear. Null if they are not the same names.
    /// </summary>
    public static int[]? Match(IReadOnlyList<string> own, IReadOnlyList<string> asked)
    {
        if (own.Count != asked.Count) return null;
        return Match(own, asked, StringComparer.Ordinal) ?? Match(own, asked, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>As <c>Match</c>; names that are indices, and are no names of the head, mean its outputs in their order.</summary>
    public static int[]? Places(IReadOnlyList<string> own, IReadOnlyList<string> asked) =>
        Match(own, asked) ?? (own.Count == asked.Count && AreIndices(asked) ? [.. Enumerable.Range(0, asked.Count)] : null);

    private static int[]? Match(IReadOnlyList<string> own, IReadOnlyList<string> asked, StringComparer comparer)
    {
        var places = new Dictionary<string, int>(comparer);
        for (var i = 0; i < own.Count; i++)
            if (!places.TryAdd(own[i].Trim(), i)) return null;
        var rows = new int[asked.Count];
        for (var i = 0; i < rows.Length; i++)
            if (!places.Remove(asked[i].Trim(), out rows[i])) return null;
        return rows;
    }

    private static string Free(string name, HashSet<string> taken)
    {
        while (!taken.Add(name)) name += "'";
        return name;
    }
}
