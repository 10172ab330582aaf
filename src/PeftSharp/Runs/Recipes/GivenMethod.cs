using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;

namespace PeftSharp.Runs.Recipes;

/// <summary>
/// A method that a program gives as an object, as a recipe would have it: a run that was cut off is taken up from a recipe.
/// </summary>
internal static class GivenMethod
{
    /// <summary>Makes it the method of a run.</summary>
    /// <exception cref="PeftException">A value is out of range, or no registered method has such settings.</exception>
    public static void Apply(TrainSettings settings, MethodOptions options)
    {
        options.Validate();
        var info = MethodRegistry.ByPeftType(options.PeftType)
            ?? throw new PeftException($"No registered method has settings of the type {options.PeftType}; add it to the registry.");
        var method = info.Name;
        MethodOptions usual = info.CreateOptions();
        if (options is UnionOptions union)
        {
            method = string.Join('|', UnionExpression.Names(union, null));
            if (union.Parts.Select(p => p.PeftType).Distinct().Count() == union.Parts.Count) usual = MethodName.Options(method);
        }
        TrainKeys.Find("method")!.Apply(settings, method, "method");
        settings.SetMethodOptions(options, Different(options, usual));
    }

    private static IEnumerable<KeyValuePair<string, string>> Different(MethodOptions options, MethodOptions usual) =>
        from setting in MethodSettings.Of(options)
        let value = MethodSettings.Value(options, setting)
        where value?.ToJsonString() != MethodSettings.Value(usual, setting)?.ToJsonString()
        select KeyValuePair.Create(setting.Name, Written(value));

    // A text stands in a recipe without quotes.
    private static string Written(System.Text.Json.Nodes.JsonNode? value) =>
        value is System.Text.Json.Nodes.JsonValue text && text.TryGetValue<string>(out var plain) ? plain : value?.ToJsonString() ?? "null";
}
