using System.Text.Json;

namespace PeftSharp.Data;

/// <summary>Reads token ids out of a JSON row and takes off the padding that its mask shows.</summary>
internal static class TokenRow
{
    public static string? Take(JsonElement row, out int[]? ids, out int[]? types)
    {
        types = null;
        if (TakeArray(row, "input_ids", out ids) is { } problem) return problem;
        if (ids is null) return "the field 'input_ids' is missing; add it or skip bad rows";
        if (TakeArray(row, "token_type_ids", out types) is { } typeProblem) return typeProblem;
        if (TakeArray(row, "attention_mask", out var mask) is { } maskProblem) return maskProblem;
        if (types is not null && types.Length != ids.Length) return LengthProblem("token_type_ids", types, ids);
        if (types is not null && types.Any(type => type > byte.MaxValue)) return "'token_type_ids' holds a number above 255, expected segments such as 0 and 1";
        if (mask is not null)
        {
            if (mask.Length != ids.Length) return LengthProblem("attention_mask", mask, ids);
            var (first, last) = (Array.IndexOf(mask, 1), Array.LastIndexOf(mask, 1));
            if (first < 0) return "'attention_mask' holds no 1, so the row has no token";
            var kept = first..(last + 1);
            if (mask[kept].Contains(0) || mask.Any(value => value > 1))
                return "'attention_mask' holds something other than a run of 1s with 0s at the ends, which is all that padding can be";
            ids = ids[kept];
            types = types?[kept];
        }
        return ids.Length == 0 ? "'input_ids' is empty; the row has no token" : null;
    }

    private static string LengthProblem(string name, int[] values, int[] ids) =>
        $"'{name}' holds {values.Length} numbers for the {ids.Length} of 'input_ids', expected as many";

    private static string? TakeArray(JsonElement row, string name, out int[]? values)
    {
        values = null;
        if (!row.TryGetProperty(name, out var array) || array.ValueKind == JsonValueKind.Null) return null;
        if (array.ValueKind != JsonValueKind.Array) return $"the field '{name}' holds a {JsonRows.Kind(array)}, expected an array of integers";
        values = new int[array.GetArrayLength()];
        var i = 0;
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out values[i]) || values[i] < 0)
                return $"element {i + 1} of '{name}' is {BadRows.Quote(item.GetRawText())}, expected an integer of 0 or more";
            i++;
        }
        return null;
    }
}
