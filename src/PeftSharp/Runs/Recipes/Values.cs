using System.Globalization;

namespace PeftSharp.Runs.Recipes;

/// <summary>
/// Texts as the values of settings, as recipes and command lines write them. A text that is none is a <see cref="BadValueException"/>.
/// </summary>
public static class Values
{
    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    internal static int Whole(string text, int least, int most = int.MaxValue) =>
        int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new BadValueException(
                most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number from {least} to {most}");

    /// <summary>A power of two within bounds, both included.</summary>
    internal static int PowerOfTwo(string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            && int.IsPow2(value)
            ? value
            : throw new BadValueException($"a power of two from {least} to {most}");

    /// <summary>A seed: a whole number of at least 0.</summary>
    public static ulong Seed(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new BadValueException("a whole number of at least 0");

    /// <summary>A number from <paramref name="least"/> (above it, where <paramref name="open"/>) to <paramref name="most"/>.</summary>
    internal static double Number(string text, double least, double most = double.MaxValue, bool open = false)
    {
        if (
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                && (open ? value > least : value >= least)
                && value <= most)
            return value;
        var low = open ? $"a number above {least}" : $"a number of at least {least}";
        throw new BadValueException(
            most == double.MaxValue ? low : string.Create(CultureInfo.InvariantCulture, $"{low} and at most {most}"));
    }

    /// <summary>Two or three shares of a whole, such as <c>0.8,0.1,0.1</c>.</summary>
    public static double[] Shares(string text)
    {
        var parts = List(text);
        var shares = new double[parts.Length];
        for (var i = 0; i < parts.Length; i++)
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out shares[i]) || !(shares[i] > 0))
                shares[i] = double.NaN;
        return parts.Length is 2 or 3 && shares.Sum() <= 1 + 1e-9
            ? shares
            : throw new BadValueException("two or three numbers above 0 that sum up to 1 at most, such as 0.8,0.1,0.1");
    }

    /// <summary>The parts of a list as people write it: "a,b", "[a, b]" or "[\"a\", \"b\"]".</summary>
    public static string[] List(string text)
    {
        var inner = text.Trim();
        if (inner.StartsWith('[') && inner.EndsWith(']')) inner = inner[1..^1];
        var parts = inner.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return [.. parts.Select(p => p.Trim('"', '\''))];
    }

    /// <summary>true or false, yes or no, on or off.</summary>
    public static bool Flag(string text) => text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ => throw new BadValueException("true or false"),
    };

    /// <summary>What is learnt, under our names and Hugging Face's.</summary>
    public static string Problem(string text) => text.ToLowerInvariant() switch
    {
        "causal-lm" or "causal_lm" or "seq_2_seq_lm" => "generation",
        "multi_label" or "multi-label" or "multilabel" => SeveralLabels,
        _ => OneOf(
            text.Replace("single_label_", "", StringComparison.Ordinal), "classification", SeveralLabels, "regression", "generation"),
    };

    /// <summary>Hugging Face's name of what has any number of several labels at once.</summary>
    public const string SeveralLabels = "multi_label_classification";

    /// <summary>One of some names, in its own spelling.</summary>
    internal static string OneOf(string text, params string[] names) =>
        names.FirstOrDefault(n => n.Equals(text, StringComparison.OrdinalIgnoreCase))
        ?? throw new BadValueException(
            Nearest.Find(text, names) is { } near ? $"{string.Join(", ", names)} (did you mean {near}?)" : string.Join(", ", names));
}
