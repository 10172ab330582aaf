using System.Collections;
using System.Globalization;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Values of a template: none (null), truth values, whole numbers (long), numbers (double), texts, lists, maps by name, and what
/// is undefined.</summary>
internal static class TemplateValues
{
    /// <summary>True unless the value is none, false, zero, empty or undefined.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        long number => number != 0,
        double number => number != 0,
        TemplateText text => text.Value.Length > 0,
        ICollection items => items.Count > 0,
        _ => true,
    };

    /// <summary>A value as it is written out.</summary>
    public static TemplateText Text(object? value) => value switch
    {
        TemplateText text => text,
        Undefined => TemplateText.Own(""),
        null => TemplateText.Own("None"),
        bool truth => TemplateText.Own(truth ? "True" : "False"),
        long number => TemplateText.Own(number.ToString(CultureInfo.InvariantCulture)),
        double number => TemplateText.Own(Number(number)),
        _ => TemplateJson.Write(value, indent: null, quote: '\''),
    };

    /// <summary>A number as Python writes it.</summary>
    public static string Number(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        return double.IsFinite(number) && text.All(unit => char.IsAsciiDigit(unit) || unit == '-') ? $"{text}.0" : text;
    }

    /// <summary>Whether two values are the same, one by one where they are lists or maps.</summary>
    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (TemplateText a, TemplateText b) => a.Value == b.Value,
        (bool a, bool b) => a == b,
        (IList a, IList b) => a.Count == b.Count && a.Cast<object?>().Zip(b.Cast<object?>()).All(pair => AreEqual(pair.First, pair.Second)),
        (Dictionary<string, object?> a, Dictionary<string, object?> b) =>
            a.Count == b.Count && a.All(entry => b.TryGetValue(entry.Key, out var other) && AreEqual(entry.Value, other)),
        (Undefined, Undefined) => true,
        _ when AsNumber(left) is { } a && AsNumber(right) is { } b => a == b,
        _ => left is null && right is null,
    };

    /// <summary>A number or truth value as a number; null for anything else.</summary>
    public static double? AsNumber(object? value) => value switch
    {
        long number => number,
        double number => number,
        bool truth => truth ? 1 : 0,
        _ => null,
    };

    /// <summary>What a value is, in a word.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined { Name: var name } => $"undefined ({Printable.Cut(name, 40)})",
        bool => "a truth value",
        long or double => "a number",
        TemplateText => "a text",
        Dictionary<string, object?> => "a map",
        IList => "a list",
        _ => "a function",
    };

    /// <summary>What a name or a member stands for that nothing has.</summary>
    /// <param name="Name">The name.</param>
    public sealed record Undefined(string Name);
}
