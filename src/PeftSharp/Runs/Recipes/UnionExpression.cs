using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;

namespace PeftSharp.Runs.Recipes;

/// <summary>A union of methods as a user writes it: <c>lora|prefix_tuning|seq_bn</c>.</summary>
internal static class UnionExpression
{
    private const int MostParts = 16;

    /// <summary>True for several methods in one text.</summary>
    public static bool Is(string text) => text.Contains('|', StringComparison.Ordinal);

    /// <summary>The union, each part with the settings that its name stands for.</summary>
    /// <exception cref="SettingsException">A name is unknown, empty, there twice, or a union's own.</exception>
    public static UnionOptions Parse(string text)
    {
        var names = text.Split('|', StringSplitOptions.TrimEntries);
        if (names.Length > MostParts)
            throw new SettingsException(
                $"The method \"{Printable.Cut(text, 80)}\" joins {names.Length} methods; at most {MostParts} are joined.");
        if (names.Contains(""))
            throw new SettingsException($"The method \"{text}\" has an empty part; write names with | between them, such as lora|seq_bn.");
        if (names.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new SettingsException($"The method \"{text}\" names {twice.Key} twice; a union has each of its parts once.");
        MethodOptions[] parts = [.. names.Select(MethodName.Options)];
        if (Array.FindIndex(parts, part => part is UnionOptions) is >= 0 and var at)
            throw new SettingsException($"The method \"{text}\" has the union {names[at]} as a part; name its methods one by one.");
        return new() { Parts = [.. parts.Select(part => part.InUnion())] };
    }

    /// <summary>
    /// What the parts of a union are called: as its user wrote them, else by the names of their methods, numbered where there are several
    /// of one.
    /// </summary>
    /// <param name="union">The union.</param>
    /// <param name="method">What the user wrote for it.</param>
    public static IReadOnlyList<string> Names(UnionOptions union, string? method)
    {
        if (
            method is not null && Is(method) && method.Split('|', StringSplitOptions.TrimEntries) is { } written
                && written.Length == union.Parts.Count)
            return written;
        var own = union.Parts.Select(part => MethodRegistry.ByPeftType(part.PeftType)?.Name ?? part.PeftType).ToList();
        return [.. own.Select((name, i) => own.Take(i).Count(n => n == name) is > 0 and var earlier ? $"{name}{earlier + 1}" : name)];
    }

    /// <summary>The place of the part that a name means; -1 where it means none.</summary>
    public static int Find(UnionOptions union, string? method, string name)
    {
        bool Same(string a) => string.Equals(a, name, StringComparison.OrdinalIgnoreCase);
        var names = Names(union, method);
        for (var i = 0; i < names.Count; i++)
            if (Same(names[i])) return i;
        // Any other name of a method, where the union has one such part.
        var meant = Enumerable.Range(0, names.Count)
            .Where(i => MethodRegistry.ByPeftType(union.Parts[i].PeftType) is { } info && info.Aliases.Prepend(info.Name).Any(Same))
            .ToList();
        return meant.Count == 1 ? meant[0] : -1;
    }
}
