using System.Globalization;
using System.Text.Json;

namespace PeftSharp.Data.Files;

/// <summary>The types of columns of a format that has none, guessed from values.</summary>
internal sealed class TypeGuess
{
    private const int Rows = 1000;
    private const string Integer = "int64", Real = "float64", Flag = "bool", Text = "string", Nothing = "null";
    private readonly Dictionary<string, string> _types = [];
    private int _rows;

    /// <summary>Names in the order they were seen, with their types.</summary>
    public IReadOnlyDictionary<string, string> Types => _types;

    public void See(IReadOnlyList<string> columns, IReadOnlyList<string> values)
    {
        if (_rows++ >= Rows) return;
        for (var i = 0; i < columns.Count; i++) Add(columns[i], OfText(values[i]));
    }

    public void See(JsonElement row)
    {
        if (_rows++ >= Rows) return;
        foreach (var field in row.EnumerateObject()) Add(field.Name, Of(field.Value));
    }

    private void Add(string column, string type) =>
        _types[column] = _types.TryGetValue(column, out var known) ? Join(known, type) : type;

    private static string Join(string a, string b) => (a, b) switch
    {
        _ when a == b || b == Nothing => a,
        (Nothing, _) => b,
        (Integer, Real) or (Real, Integer) => Real,
        _ when a.StartsWith("list", StringComparison.Ordinal) && b.StartsWith("list", StringComparison.Ordinal) =>
            $"list<{Join(Inner(a), Inner(b))}>",
        _ => Text,
    };

    private static string Inner(string list) => list[5..^1];

    private static string OfText(string value)
    {
        if (value.Length == 0) return Nothing;
        if (LabelMap.TryInteger(value, out _)) return Integer;
        if (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _)) return Real;
        return bool.TryParse(value, out _) ? Flag : Text;
    }

    private static string Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Text,
        JsonValueKind.Number => value.TryGetInt64(out _) ? Integer : Real,
        JsonValueKind.True or JsonValueKind.False => Flag,
        JsonValueKind.Array => $"list<{value.EnumerateArray().Select(Of).Aggregate(Nothing, Join)}>",
        JsonValueKind.Object => "object",
        _ => Nothing,
    };
}
