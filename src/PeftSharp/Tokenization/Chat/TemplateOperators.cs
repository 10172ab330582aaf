using System.Collections;

namespace PeftSharp.Tokenization.Chat;

/// <summary>The signs between two values.</summary>
internal static class TemplateOperators
{
    /// <summary>Computes a sign of two values.</summary>
    public static object? Apply(string sign, object? left, object? right) => sign switch
    {
        "==" => TemplateValues.AreEqual(left, right),
        "!=" => !TemplateValues.AreEqual(left, right),
        "<" => Compare(left, right) < 0,
        ">" => Compare(left, right) > 0,
        "<=" => Compare(left, right) <= 0,
        ">=" => Compare(left, right) >= 0,
        "in" => IsIn(left, right),
        "not in" => !IsIn(left, right),
        "~" => TemplateText.Concat(TemplateValues.Text(left), TemplateValues.Text(right)),
        "+" when left is TemplateText a && right is TemplateText b => TemplateText.Concat(a, b),
        "+" when left is IList a && right is IList b => (List<object?>)[.. a.Cast<object?>(), .. b.Cast<object?>()],
        _ => Calculate(sign, left, right),
    };

    /// <summary>Whether a list holds a value, a map a key, or a text another.</summary>
    public static bool IsIn(object? value, object? holder) => holder switch
    {
        TemplateText text => value is TemplateText part ? text.Value.Contains(part.Value, StringComparison.Ordinal)
            : throw new TemplateFailure($"looks for {TemplateValues.Kind(value)} in a text"),
        Dictionary<string, object?> map => value is TemplateText key && map.ContainsKey(key.Value),
        IList list => list.Cast<object?>().Any(item => TemplateValues.AreEqual(item, value)),
        _ => throw new TemplateFailure($"looks for something in {TemplateValues.Kind(holder)}"),
    };

    /// <summary>Which of two numbers or texts comes first.</summary>
    public static int Compare(object? left, object? right) =>
        left is TemplateText a && right is TemplateText b ? string.CompareOrdinal(a.Value, b.Value)
        : TemplateValues.AsNumber(left) is { } x && TemplateValues.AsNumber(right) is { } y ? x.CompareTo(y)
        : throw new TemplateFailure($"compares {TemplateValues.Kind(left)} with {TemplateValues.Kind(right)}");

    private static object Calculate(string sign, object? left, object? right)
    {
        if (TemplateValues.AsNumber(left) is not { } x || TemplateValues.AsNumber(right) is not { } y)
        {
            throw new TemplateFailure($"has {TemplateValues.Kind(left)} {sign} {TemplateValues.Kind(right)}");
        }
        if (sign is "/" or "//" or "%" && y == 0)
        {
            throw new TemplateFailure("divides by zero");
        }
        if (sign == "/" || left is double || right is double)
        {
            return sign switch
            {
                "+" => x + y,
                "-" => x - y,
                "*" => x * y,
                "/" => x / y,
                "//" => Math.Floor(x / y),
                _ => x - y * Math.Floor(x / y),
            };
        }
        return Whole(sign, Convert.ToInt64(left, null), Convert.ToInt64(right, null));
    }

    private static long Whole(string sign, long x, long y)
    {
        try
        {
            return checked(sign switch
            {
                "+" => x + y,
                "-" => x - y,
                "*" => x * y,
                "//" => x / y - (x % y != 0 && x < 0 != y < 0 ? 1 : 0),
                _ => (x % y + y) % y,
            });
        }
        catch (OverflowException)
        {
            throw new TemplateFailure("computes a number of more than 64 bits");
        }
    }
}
