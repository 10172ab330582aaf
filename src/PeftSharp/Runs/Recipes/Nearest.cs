namespace PeftSharp.Runs.Recipes;

/// <summary>What somebody probably meant.</summary>
public static class Nearest
{
    /// <summary>The known name that is nearest by edits, or null if none is near.</summary>
    internal static string? Find(string name, IEnumerable<string> known)
    {
        var (best, distance) = ((string?)null, int.MaxValue);
        foreach (var candidate in known)
        {
            var edits = Distance(Plain(name), Plain(candidate));
            if (edits < distance) (best, distance) = (candidate, edits);
        }
        return distance <= Math.Max(1, Plain(name).Length / 3) ? best : null;
    }

    /// <summary>"did you mean …? " or nothing.</summary>
    public static string Hint(string name, IEnumerable<string> known) =>
        Find(name, known) is { } near ? $"did you mean \"{near}\"? Else " : "";

    private static string Plain(string name) => name.ToLowerInvariant().Replace('_', '-');

    // Edits with neighbours swapped as one (optimal string alignment).
    private static int Distance(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) table[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) table[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                var change = a[i - 1] == b[j - 1] ? 0 : 1;
                table[i, j] = Math.Min(Math.Min(table[i - 1, j] + 1, table[i, j - 1] + 1), table[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    table[i, j] = Math.Min(table[i, j], table[i - 2, j - 2] + 1);
            }
        return table[a.Length, b.Length];
    }
}
