using System.Collections;

namespace PeftSharp.Tokenization.Chat;

/// <summary>The tests behind <c>is</c>.</summary>
internal static class TemplateTests
{
    private static readonly Dictionary<string, Func<object?, TemplateArguments, bool>> tests = new()
    {
        ["defined"] = (value, _) => value is not TemplateValues.Undefined,
        ["undefined"] = (value, _) => value is TemplateValues.Undefined,
        ["none"] = (value, _) => value is null,
        ["string"] = (value, _) => value is TemplateText,
        ["number"] = (value, _) => value is long or double or bool,
        ["integer"] = (value, _) => value is long,
        ["float"] = (value, _) => value is double,
        ["boolean"] = (value, _) => value is bool,
        ["true"] = (value, _) => value is true,
        ["false"] = (value, _) => value is false,
        ["mapping"] = (value, _) => value is Dictionary<string, object?>,
        ["sequence"] = (value, _) => value is TemplateText or ICollection,
        ["iterable"] = (value, _) => value is TemplateText or ICollection,
        ["odd"] = (value, _) => value is long number && number % 2 != 0,
        ["even"] = (value, _) => value is long number && number % 2 == 0,
        ["divisibleby"] = (value, arguments) => value is long number && arguments.Int(0, "num") is { } by and not 0 && number % by == 0,
        ["equalto"] = (value, arguments) => TemplateValues.AreEqual(value, arguments.Get(0, "other")),
        ["eq"] = (value, arguments) => TemplateValues.AreEqual(value, arguments.Get(0, "other")),
        ["ne"] = (value, arguments) => !TemplateValues.AreEqual(value, arguments.Get(0, "other")),
        ["sameas"] = (value, arguments) => TemplateValues.AreEqual(value, arguments.Get(0, "other")),
        ["in"] = (value, arguments) => TemplateOperators.IsIn(value, arguments.Get(0, "seq")),
        ["lower"] = (value, _) => value is TemplateText { Value: var text } && text == text.ToLowerInvariant(),
        ["upper"] = (value, _) => value is TemplateText { Value: var text } && text == text.ToUpperInvariant(),
    };

    /// <summary>Their names.</summary>
    public static IReadOnlyCollection<string> Names => tests.Keys;

    /// <summary>Whether a value passes.</summary>
    public static bool Passes(string name, object? value, TemplateArguments arguments) => tests[name](value, arguments);
}
