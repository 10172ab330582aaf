using System.Text;
using System.Text.Json;

namespace PeftSharp.Data.Files;

/// <summary>
/// What JSON's own reader finds only where a value is touched: broken text, names that are there twice, numbers without end.
/// </summary>
internal static class JsonRowCheck
{
    private const int Depth = 64;

    public static JsonDocumentOptions Options { get; } = new() { MaxDepth = Depth };

    /// <summary>Why a row cannot be used: a clause; null if it can.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public static string? Problem(ReadOnlySpan<byte> row)
    {
        var reader = new Utf8JsonReader(row, new JsonReaderOptions { MaxDepth = Depth + 2 });
        var names = new Stack<HashSet<string>?>();
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    if (names.Count == Depth)
                        return $"objects and lists lie more than {Depth} deep in one another; flatten the row or skip bad rows "
                            + "(--skip-bad-rows)";
                    names.Push(reader.TokenType == JsonTokenType.StartObject ? new(StringComparer.Ordinal) : null);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    names.Pop();
                    break;
                case JsonTokenType.PropertyName:
                    if (!TryText(ref reader, out var name)) return Broken("the name of a field");
                    if (!names.Peek()!.Add(name))
                        return $"the field {BadRows.Quote(name)} is there twice; keep one of them or skip bad rows (--skip-bad-rows)";
                    break;
                case JsonTokenType.String when reader.ValueIsEscaped || !System.Text.Unicode.Utf8.IsValid(reader.ValueSpan):
                    if (!TryText(ref reader, out _)) return Broken(Holder(names));
                    break;
                case JsonTokenType.Number when !reader.TryGetDouble(out var number) || !double.IsFinite(number):
                    var text = Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 60)]);
                    return $"the number {BadRows.Quote(text)} is too large; correct it or skip bad rows (--skip-bad-rows)";
            }
        }
        return null;
    }

    private static string Holder(Stack<HashSet<string>?> names) =>
        names.Count == 1 && names.Peek() is { Count: > 0 } fields ? $"the field '{BadRows.Short(fields.Last())}'" : "a value";

    private static string Broken(string what) =>
        $"{what} holds text that is not valid UTF-8 or half of a surrogate pair; save the file as UTF-8 and correct its \\u escapes";

    private static bool TryText(ref Utf8JsonReader reader, out string text)
    {
        try
        {
            text = reader.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
        }
    }
}
