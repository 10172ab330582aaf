using System.Text.Json;

namespace PeftSharp.Data;

/// <summary>Takes the token ids of a row and cuts off the padding that its mask shows.</summary>
internal static class TokenRow
{
    public const string Ids = "input_ids", Types = "token_type_ids", Mask = "attention_mask";

    public static (string Role, string? Column)[] Roles => [(Ids, Ids), (Types, Types), (Mask, Mask)];

    public static string? Take(JsonElement row, out int[]? ids, out int[]? types)
    {
        types = null;
        if (TakeArray(row, Ids, out ids) is { } problem) return problem;
        if (TakeArray(row, Types, out types) is { } typeProblem) return typeProblem;
        return TakeArray(row, Mask, out var mask) ?? Trim(ref ids, ref types, mask);
    }

    /// <summary>Checks a row's numbers, and cuts them to where the mask has its run of ones.</summary>
    public static string? Trim(ref int[]? ids, ref int[]? types, int[]? mask)
    {
        if (ids is null) return $"the field '{Ids}' is missing; add it or skip bad rows (--skip-bad-rows)";
        if (types is not null && types.Length != ids.Length) return LengthProblem(Types, types, ids);
        if (types is not null && types.Any(type => type > byte.MaxValue))
            return $"'{Types}' holds a number above 255, expected segments such as 0 and 1";
        if (mask is not null)
        {
            if (mask.Length != ids.Length) return LengthProblem(Mask, mask, ids);
            var (first, last) = (Array.IndexOf(mask, 1), Array.LastIndexOf(mask, 1));
            if (first < 0) return $"'{Mask}' holds no 1, so the row has no token";
            var kept = first..(last + 1);
            if (mask[kept].Contains(0) || mask.Any(value => value > 1))
                return $"'{Mask}' holds something other than a run of 1s with 0s at the ends, which is all that padding can be";
            ids = ids[kept];
            types = types?[kept];
        }
        return ids.Length == 0 ? $"'{Ids}' is empty; the row has no token" : null;
    }

    public static string NotAnId(string name, int element, string value) =>
        $"element {element} of '{name}' is {BadRows.Quote(value)}, expected an integer of 0 or more";

    private static string LengthProblem(string name, int[] values, int[] ids) =>
        $"'{name}' holds {values.Length} numbers for the {ids.Length} of '{Ids}', expected as many";

    private static string? TakeArray(JsonElement row, string name, out int[]? values)
    {
        values = null;
        if (!row.TryGetProperty(name, out var array) || array.ValueKind == JsonValueKind.Null) return null;
        if (array.ValueKind != JsonValueKind.Array)
            return $"the field '{name}' holds a {JsonRows.Kind(array)}, expected an array of integers";
        values = new int[array.GetArrayLength()];
        var i = 0;
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out values[i]) || values[i] < 0)
                return NotAnId(name, i + 1, item.GetRawText());
            i++;
        }
        return null;
    }
}
