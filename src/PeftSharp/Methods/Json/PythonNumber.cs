using System.Globalization;
using System.Text.Json.Nodes;

namespace PeftSharp.Methods.Json;

/// <summary>Numbers as Python's JSON writer spells them: its readers tell a whole number from a floating one by the text alone.</summary>
internal static class PythonNumber
{
    /// <summary>A number of a field that is a float there: <c>1.0</c>, <c>0.05</c>, <c>1e-05</c>.</summary>
    public static JsonNode Float(double value) => Node(FloatText(value));

    /// <summary>A number of a field that takes both kinds: whole where it is whole (<c>16</c>), else a float.</summary>
    public static JsonNode Any(double value) => Node(AnyText(value));

    /// <summary>The text of <see cref="Any"/>.</summary>
    public static string AnyText(double value) =>
        Math.Floor(value) == value && Math.Abs(value) < 1e15 ? value.ToString("F0", CultureInfo.InvariantCulture) : FloatText(value);

    /// <summary>
    /// The text of <see cref="Float"/>: the shortest digits that give the number back; an exponent below 1e-4 and from 1e16.
    /// </summary>
    public static string FloatText(double value)
    {
        if (!double.IsFinite(value)) throw new PeftException($"The number {value} cannot be written into JSON; give a finite number.");
        var (sign, digits, exponent) = Parts(value);
        if (exponent is >= -4 and < 16) return sign + Plain(digits, exponent);
        var fraction = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return $"{sign}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static JsonNode Node(string text) => JsonNode.Parse(text)!;

    // Significant digits, and the power of ten of the first one.
    private static (string Sign, string Digits, int Exponent) Parts(double value)
    {
        var text = value.ToString("E16", CultureInfo.InvariantCulture);
        for (var precision = 0; precision < 17; precision++)
        {
            text = value.ToString($"E{precision}", CultureInfo.InvariantCulture);
            if (double.Parse(text, CultureInfo.InvariantCulture) == value) break;
        }
        var sign = text[0] == '-' ? "-" : "";
        var at = text.IndexOf('E', StringComparison.Ordinal);
        var digits = text[sign.Length..at].Replace(".", "", StringComparison.Ordinal);
        return (sign, digits, int.Parse(text[(at + 1)..], CultureInfo.InvariantCulture));
    }

    private static string Plain(string digits, int exponent)
    {
        if (exponent < 0) return $"0.{new string('0', -exponent - 1)}{digits}";
        var whole = exponent + 1;
        return digits.Length <= whole ? $"{digits.PadRight(whole, '0')}.0" : $"{digits[..whole]}.{digits[whole..]}";
    }
}
