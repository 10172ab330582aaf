using System.Collections;
using System.Globalization;

namespace PeftSharp.Tokenization.Chat;

/// <summary>The filters behind <c>|</c>.</summary>
internal static class TemplateFilters
{
    private static readonly Dictionary<string, Func<object?, TemplateArguments, object?>> filters = new()
    {
        ["trim"] = (value, arguments) =>
            TemplateMethods.Strip(TemplateValues.Text(value), arguments.Text(0, "chars")?.Value, left: true, right: true),
        ["length"] = (value, _) => (long)Items(value).Count,
        ["count"] = (value, _) => (long)Items(value).Count,
        ["upper"] = (value, _) => TemplateValues.Text(value).Map(text => text.ToUpperInvariant()),
        ["lower"] = (value, _) => TemplateValues.Text(value).Map(text => text.ToLowerInvariant()),
        ["title"] = (value, arguments) => TemplateMethods.Call(TemplateValues.Text(value), "title", arguments),
        ["capitalize"] = (value, arguments) => TemplateMethods.Call(TemplateValues.Text(value), "capitalize", arguments),
        ["replace"] = (value, arguments) => TemplateMethods.Call(TemplateValues.Text(value), "replace", arguments),
        ["string"] = (value, _) => TemplateValues.Text(value),
        ["safe"] = (value, _) => value,
        ["list"] = (value, _) => Items(value),
        ["reverse"] = (value, _) => Reversed(value),
        ["first"] = (value, _) => Items(value) is { Count: > 0 } items ? items[0] : new TemplateValues.Undefined("first"),
        ["last"] = (value, _) => Items(value) is { Count: > 0 } items ? items[^1] : new TemplateValues.Undefined("last"),
        ["join"] = (value, arguments) => Join(value, arguments.Text(0, "d") ?? TemplateText.Own("")),
        ["default"] = Default,
        ["d"] = Default,
        ["int"] = (value, arguments) => Int(value, arguments),
        ["float"] = (value, _) => TemplateValues.AsNumber(value)
            ?? (double.TryParse(TemplateValues.Text(value).Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? number : 0.0),
        ["abs"] = (value, _) => value is long whole and > long.MinValue ? Math.Abs(whole) : TemplateValues.AsNumber(value) is { } number
            ? Math.Abs(number) : throw Wrong("abs", value),
        ["tojson"] = (value, arguments) =>
            TemplateJson.Write(value, arguments.Int(0, "indent") is { } indent ? Math.Clamp(indent, 0, 16) : null),
        ["items"] = (value, arguments) => TemplateMethods.Call(value, "items", arguments),
        ["map"] = (value, arguments) =>
            (List<object?>)[.. Items(value)
            .Select(item => Member(item, arguments.Text(-1, "attribute")?.Value ?? throw Wrong("map without an attribute", value)))],
        ["selectattr"] = (value, arguments) => Selected(value, arguments, wanted: true),
        ["rejectattr"] = (value, arguments) => Selected(value, arguments, wanted: false),
    };

    /// <summary>Their names.</summary>
    public static IReadOnlyCollection<string> Names => filters.Keys;

    /// <summary>Passes a value through a filter.</summary>
    public static object? Apply(string name, object? value, TemplateArguments arguments) => filters[name](value, arguments);

    /// <summary>Texts with another between.</summary>
    public static TemplateText Join(object? items, TemplateText between)
    {
        var parts = new List<TemplateText>();
        foreach (var item in Items(items))
        {
            if (parts.Count > 0)
            {
                parts.Add(between);
            }
            parts.Add(TemplateValues.Text(item));
        }
        return TemplateText.Concat([.. parts]);
    }

    /// <summary>What a value consists of: items, keys, or characters.</summary>
    public static List<object?> Items(object? value) => value switch
    {
        TemplateText text => [.. Enumerable.Range(0, text.Value.Length).Select(i => text.Slice(i, 1))],
        Dictionary<string, object?> map => [.. map.Keys.Select(TemplateText.Own)],
        IList list => [.. list.Cast<object?>()],
        TemplateValues.Undefined => [],
        _ => throw Wrong("a loop or a length", value),
    };

    /// <summary>A member of a map; undefined where it has none.</summary>
    public static object? Member(object? of, string name) =>
        of is Dictionary<string, object?> map && map.TryGetValue(name, out var value) ? value : new TemplateValues.Undefined(name);

    private static object? Reversed(object? value)
    {
        if (value is TemplateText text)
        {
            return Join(Items(text).AsEnumerable().Reverse().ToList(), TemplateText.Own(""));
        }
        var items = Items(value);
        items.Reverse();
        return items;
    }

    private static object? Default(object? value, TemplateArguments arguments)
    {
        var missing = value is TemplateValues.Undefined
            || (TemplateValues.IsTrue(arguments.Get(1, "boolean")) && !TemplateValues.IsTrue(value));
        return missing ? arguments.Get(0, "default_value", TemplateText.Own("")) : value;
    }

    private static object Int(object? value, TemplateArguments arguments) =>
        TemplateValues.AsNumber(value) is { } number && Math.Abs(number) < 9e18 ? (long)number
        : value is TemplateText { Value: var text }
            && long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed) ? parsed
        : (long)(arguments.Int(0, "default") ?? 0);

    private static List<object?> Selected(object? value, TemplateArguments arguments, bool wanted)
    {
        var name = arguments.Text(0, "attribute")?.Value ?? throw Wrong("selectattr without an attribute", value);
        var test = arguments.Text(1, "test")?.Value;
        if (test is not null && !TemplateTests.Names.Contains(test))
        {
            throw new TemplateFailure($"selects by the test {Files.Quoted.Name(test)}, which is none of "
                + $"{string.Join(", ", TemplateTests.Names)}");
        }
        var rest = new TemplateArguments([.. arguments.Places.Skip(2)], arguments.Names);
        return [.. Items(value)
            .Where(item => wanted == (test is null ? TemplateValues.IsTrue(Member(item, name))
            : TemplateTests.Passes(test, Member(item, name), rest)))];
    }

    private static TemplateFailure Wrong(string what, object? value) => new($"asks {TemplateValues.Kind(value)} for {what}");
}
