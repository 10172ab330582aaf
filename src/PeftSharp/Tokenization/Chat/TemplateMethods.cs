using System.Collections;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Methods of texts and maps, as Python has them.</summary>
internal static class TemplateMethods
{
    private const string White = " \t\n\r\v\f\u001c\u001d\u001e\u001f\u0085\u00a0\u2028\u2029\u3000";

    /// <summary>Calls a method.</summary>
    public static object? Call(object? of, string name, TemplateArguments arguments) => of switch
    {
        TemplateText text => OfText(text, name, arguments),
        Dictionary<string, object?> map => OfMap(map, name, arguments),
        _ => throw new TemplateFailure($"calls {Files.Quoted.Name(name)} of {TemplateValues.Kind(of)}, which has no methods"),
    };

    /// <summary>A text without white space, or without some characters, at its ends.</summary>
    public static TemplateText Strip(TemplateText text, string? characters, bool left, bool right)
    {
        var (start, end) = (0, text.Value.Length);
        bool Goes(char unit) => characters is null ? char.IsWhiteSpace(unit) || White.Contains(unit) : characters.Contains(unit);
        while (left && start < end && Goes(text.Value[start]))
        {
            start++;
        }
        while (right && end > start && Goes(text.Value[end - 1]))
        {
            end--;
        }
        return text.Slice(start, end - start);
    }

    /// <summary>A text with every occurrence of another replaced.</summary>
    public static TemplateText Replace(TemplateText text, string old, TemplateText instead, int? most = null)
    {
        if (old.Length == 0)
        {
            throw new TemplateFailure("replaces an empty text");
        }
        var (parts, at) = (new List<TemplateText>(), 0);
        for (var count = 0; (most is null or < 0 || count < most)
            && text.Value.IndexOf(old, at, StringComparison.Ordinal) is >= 0 and var found; count++)
        {
            parts.Add(text.Slice(at, found - at));
            parts.Add(instead);
            at = found + old.Length;
        }
        parts.Add(text.Slice(at, text.Value.Length - at));
        return TemplateText.Concat([.. parts]);
    }

    private static object? OfText(TemplateText text, string name, TemplateArguments arguments) => name switch
    {
        "strip" => Strip(text, arguments.Text(0, "chars")?.Value, left: true, right: true),
        "lstrip" => Strip(text, arguments.Text(0, "chars")?.Value, left: true, right: false),
        "rstrip" => Strip(text, arguments.Text(0, "chars")?.Value, left: false, right: true),
        "startswith" => Any(arguments.Get(0, "prefix"), part => text.Value.StartsWith(part, StringComparison.Ordinal)),
        "endswith" => Any(arguments.Get(0, "suffix"), part => text.Value.EndsWith(part, StringComparison.Ordinal)),
        "split" => Split(text, arguments.Text(0, "sep")?.Value, arguments.Int(1, "maxsplit") ?? -1),
        "replace" => Replace(text, Needed(arguments, 0, "old").Value, Needed(arguments, 1, "new"), arguments.Int(2, "count")),
        "upper" => text.Map(value => value.ToUpperInvariant()),
        "lower" => text.Map(value => value.ToLowerInvariant()),
        "title" => text.Map(Title),
        "capitalize" => text.Map(value => value.Length == 0 ? value : char.ToUpperInvariant(value[0]) + value[1..].ToLowerInvariant()),
        "find" => (long)text.Value.IndexOf(Needed(arguments, 0, "sub").Value, StringComparison.Ordinal),
        "count" => (long)(Needed(arguments, 0, "sub").Value is { Length: > 0 } part
            ? (text.Value.Length - text.Value.Replace(part, "", StringComparison.Ordinal).Length) / part.Length : 0),
        "join" => TemplateFilters.Join(arguments.Get(0, "iterable"), text),
        _ => throw new TemplateFailure($"calls the method {Files.Quoted.Name(name)} of a text, which is none of strip, lstrip, rstrip, "
            + "startswith, endswith, split, "
            + "replace, upper, lower, title, capitalize, find, count and join"),
    };

    private static object? OfMap(Dictionary<string, object?> map, string name, TemplateArguments arguments) => name switch
    {
        "get" => map.TryGetValue(Needed(arguments, 0, "key").Value, out var value) ? value : arguments.Get(1, "default"),
        "items" => (List<object?>)[.. map.Select(entry => (List<object?>)[TemplateText.Own(entry.Key), entry.Value])],
        "keys" => (List<object?>)[.. map.Keys.Select(TemplateText.Own)],
        "values" => (List<object?>)[.. map.Values],
        _ => throw new TemplateFailure($"calls the method {Files.Quoted.Name(name)} of a map, which is none of get, items, keys and "
            + "values"),
    };

    private static TemplateText Needed(TemplateArguments arguments, int place, string name) =>
        arguments.Text(place, name) ?? throw new TemplateFailure($"calls a method without its argument \"{name}\"");

    private static bool Any(object? parts, Func<string, bool> fits) => parts switch
    {
        TemplateText text => fits(text.Value),
        IList list => list.OfType<TemplateText>().Any(part => fits(part.Value)),
        _ => throw new TemplateFailure($"compares a text with {TemplateValues.Kind(parts)}"),
    };

    private static List<object?> Split(TemplateText text, string? separator, int most)
    {
        var parts = new List<object?>();
        if (separator is null)
        {
            for (var at = 0; at < text.Value.Length;)
            {
                var end = at;
                while (end < text.Value.Length && !char.IsWhiteSpace(text.Value[end]))
                {
                    end++;
                }
                if (end > at)
                {
                    parts.Add(text.Slice(at, end - at));
                }
                at = end + 1;
            }
            return parts;
        }
        if (separator.Length == 0)
        {
            throw new TemplateFailure("splits at an empty text");
        }
        var start = 0;
        while ((most < 0 || parts.Count < most) && text.Value.IndexOf(separator, start, StringComparison.Ordinal) is >= 0 and var found)
        {
            parts.Add(text.Slice(start, found - start));
            start = found + separator.Length;
        }
        parts.Add(text.Slice(start, text.Value.Length - start));
        return parts;
    }

    private static string Title(string text)
    {
        var units = text.ToCharArray();
        for (var i = 0; i < units.Length; i++)
        {
            var inside = i > 0 && char.IsLetter(units[i - 1]);
            units[i] = inside ? char.ToLowerInvariant(units[i]) : char.ToUpperInvariant(units[i]);
        }
        return new(units);
    }
}
